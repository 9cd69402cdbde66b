"""Where output goes: what a phase prints, logs, warns or spawns becomes that phase's lines.

The room is split by what is hooked. ``lines`` is pure text; ``sink`` is where an attempt's output
collects and the thread that drains it; ``streams``, ``logs``, ``children`` and ``subprocesses`` each
own one kind of hook; so do ``display``, ``figures``, ``tqdm`` and ``asking``, for which ``importing`` waits until
a library is there; ``router`` puts the hooks in and takes them out again; ``logbook`` and ``outputs`` keep what came.
Nothing here knows pipelines, actions or the store: lines, outputs and progress leave through the callbacks that a
sink was given.
Attribution is by context variable (`router.CURRENT_SINK`): where it is not set, nothing is touched.
"""
