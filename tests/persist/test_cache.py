"""The cache: what comes back, what does not and why, and what two kernels do with one key."""

import fcntl
import json
import os
import pickle
import signal
import subprocess
import sys
import threading

import pytest

from milo_nb.errors import DeclarationError, NotSavableError, ResultRefusedError
from milo_nb.persist import cache as cache_module
from milo_nb.persist.cache import Cache, CacheKey, Hit, Miss
from milo_nb.persist.files import Files
from milo_nb.values import codec
from tests.strategies import DEADLINE_S

SECRET = b"k" * 32
DAY_MS = 86_400_000


class Wall:
    def __init__(self):
        self.now = 1_000_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture
def cache(tmp_path, wall):
    return Cache(tmp_path / "shop", SECRET, wall=wall)


def key(phase="train", **components):
    components = {"schema": "1", **components}
    return CacheKey(phase, "ab" + codec.hashlib.sha256(repr((phase, components)).encode()).hexdigest()[2:], components)


def entry(cache, k):
    return cache.root / "cache" / k.digest[:2] / k.digest


def files_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def only_reason(found):
    assert isinstance(found, Miss)
    (reason,) = found.reasons
    return reason


# ---------------------------------------------------------------------- what comes back


@pytest.mark.parametrize("value", [None, 0, "text", [1, {"a": (2, None)}], b"x" * 300_000, {1, 2}])
def test_what_was_put_comes_back(cache, wall, value):
    cache.put(key(), value, {"duration_s": 2.5})
    wall.now += 7200

    found = cache.get(key())

    assert isinstance(found, Hit)
    assert found.load() == value
    assert found.age_s == 7200
    assert found.meta == {"duration_s": 2.5}
    assert found.reason == "from the cache: made 2 h ago"


def test_it_comes_back_in_another_process(tmp_path):
    code = (
        "import sys; from milo_nb.persist.cache import Cache, CacheKey\n"
        "Cache(sys.argv[1], b'k' * 32).put(CacheKey('train', 'ab12', {}), [1, 2])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)

    assert Cache(tmp_path, SECRET).get(CacheKey("train", "ab12", {})).load() == [1, 2]


def test_an_entry_is_private_and_lies_where_the_layout_says(cache):
    cache.put(key(), 1)

    folder = entry(cache, key())
    assert files_below(folder) == ["meta.json", "value"]
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}
    assert {p.stat().st_mode & 0o777 for p in (folder, folder.parent, cache.root / "cache")} == {0o700}


def test_looking_reads_no_value(cache):
    cache.put(key(), [1])
    (entry(cache, key()) / "value").chmod(0)

    found = cache.look(key())

    assert isinstance(found, Hit)
    assert found.seal.size_bytes == (entry(cache, key()) / "value").stat().st_size


def test_a_value_is_read_once(cache):
    cache.put(key(), [1])
    found = cache.get(key())
    (entry(cache, key()) / "value").unlink()

    assert found.load() is found.load()


def test_putting_again_replaces(cache):
    cache.put(key(), "old")
    cache.put(key(), "new")

    assert cache.get(key()).load() == "new"
    assert [p.name for p in (cache.root / "cache").iterdir()].count("ab") == 1
    assert not list((cache.root / "cache").glob("**/.tmp-*"))


def test_what_a_session_has_saved_is_linked_not_copied(cache, tmp_path):
    saved = tmp_path / "train.1.pkl"
    with saved.open("wb") as file:
        seal = codec.dump([1, 2, 3], file, SECRET, "session/train/1")

    cache.put_saved(key(), saved, seal, "session/train/1")

    assert (entry(cache, key()) / "value").samefile(saved)
    saved.unlink()
    found = cache.get(key())
    assert found.load() == [1, 2, 3]
    assert (found.seal, found.purpose) == (seal, "session/train/1")


def test_it_is_copied_where_it_cannot_be_linked(cache, tmp_path, monkeypatch):
    saved = tmp_path / "train.1.pkl"
    with saved.open("wb") as file:
        seal = codec.dump([1, 2, 3], file, SECRET, "p")

    def no_links(*args, **kwargs):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", no_links)
    cache.put_saved(key(), saved, seal, "p")

    assert not (entry(cache, key()) / "value").samefile(saved)
    assert cache.get(key()).load() == [1, 2, 3]


def test_a_small_saved_value_is_given_as_it_is(cache, tmp_path):
    with (tmp_path / "v").open("wb") as file:
        seal = codec.dump("small", file, SECRET, "p")

    cache.put_saved(key(), (tmp_path / "v").read_bytes(), seal, "p")

    assert cache.get(key()).load() == "small"


def test_what_cannot_be_saved_is_not_put_and_leaves_nothing(cache):
    with pytest.raises(NotSavableError):
        cache.put(key(), threading.Lock())

    assert files_below(cache.root / "cache") == []
    assert only_reason(cache.get(key())) == "nothing is cached for it"


def test_facts_that_json_has_no_form_for_are_refused(cache):
    with pytest.raises(TypeError):
        cache.put(key(), 1, {"when": object()})
    with pytest.raises(ValueError, match="not JSON compliant"):
        cache.put(key(), 1, {"share": float("nan")})
    assert isinstance(cache.get(key()), Miss)


def test_a_full_disk_is_an_error_and_leaves_what_was_there(cache, monkeypatch):
    cache.put(key(), "old")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(codec, "dump", full)
    with pytest.raises(OSError, match="No space left"):
        cache.put(key(), "new")

    assert cache.get(key()).load() == "old"
    assert not list((cache.root / "cache").glob("**/.tmp-*"))


# ---------------------------------------------------------------------- how old it may be


def test_the_reader_says_how_old_it_may_be(cache, wall):
    cache.put(key(), 1)
    wall.now += 3600

    assert isinstance(cache.get(key(), ttl=DAY_MS), Hit)
    assert only_reason(cache.get(key(), ttl=60_000)) == "its cache entry has expired: made 1 h ago, good for 1 min"
    assert isinstance(cache.get(key()), Hit)


def test_a_ttl_ends_on_the_millisecond(cache, wall):
    cache.put(key(), 1)
    wall.now += 0.249
    assert isinstance(cache.get(key(), ttl=250), Hit)
    wall.now += 0.001
    assert isinstance(cache.get(key(), ttl=250), Miss)
    assert isinstance(cache.get(key(), ttl=0), Miss)


def test_what_comes_from_the_future_has_expired(cache, wall):
    cache.put(key(), 1)
    wall.now -= 100

    assert only_reason(cache.get(key(), ttl=DAY_MS)) == "its cache entry is not used: it was made 2 min in the future"


# ---------------------------------------------------------------------- damaged and foreign


def tamper(path, change):
    found = json.loads(path.read_bytes())
    change(found)
    path.write_bytes(json.dumps(found).encode())


class Canary:
    def __reduce__(self):
        return os.mkdir, (os.environ["CANARY"],)


def test_a_flipped_bit_anywhere_in_the_value_is_a_miss(cache):
    cache.put(key(), list(range(20)))
    path = entry(cache, key()) / "value"
    good = path.read_bytes()
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        assert only_reason(cache.get(key())).startswith("its cache entry is not used: ")
    path.write_bytes(good)
    assert isinstance(cache.get(key()), Hit)


def test_a_flipped_bit_anywhere_in_meta_is_a_miss(cache):
    cache.put(key(), 1)
    path = entry(cache, key()) / "meta.json"
    good = path.read_bytes()
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        found = cache.get(key())
        if isinstance(found, Hit):  # white space between the fields: it says the same
            assert json.loads(path.read_bytes()) == json.loads(good)
        else:
            assert only_reason(found).startswith("its cache entry is not used: ")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("name", ["value", "meta.json"])
def test_a_file_that_was_cut_is_a_miss(cache, name, share):
    cache.put(key(), list(range(100)))
    path = entry(cache, key()) / name
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    assert only_reason(cache.get(key())).startswith("its cache entry is not used: ")
    cache.put(key(), "again")
    assert cache.get(key()).load() == "again"


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta.update(created_at=2e9),
        lambda meta: meta.update(purpose="another"),
        lambda meta: meta.update(info={"digest": "forged"}),
        lambda meta: meta["files"].append({"path": "../../evil", "size": 1, "sha256": "00"}),
        lambda meta: meta.pop("signature"),
        lambda meta: meta.update(signature=["x"]),
        lambda meta: meta.update(signature="ä"),
    ],
)
def test_a_forged_fact_is_a_miss(cache, change):
    cache.put(key(), 1)
    tamper(entry(cache, key()) / "meta.json", change)

    assert only_reason(cache.get(key())) == (
        "its cache entry is not used: foreign or changed: it does not bear your signature"
    )


def test_an_entry_made_with_another_key_is_a_miss_and_not_executed(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("CANARY", str(tmp_path / "executed"))
    Cache(cache.root, b"e" * 32).put(key(), Canary())

    assert only_reason(cache.get(key())).endswith("it does not bear your signature")
    assert not (tmp_path / "executed").exists()


def test_a_malicious_value_below_a_good_meta_is_not_executed(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("CANARY", str(tmp_path / "executed"))
    cache.put(key(), 1)
    path = entry(cache, key()) / "value"
    path.write_bytes(pickle.dumps(Canary()).ljust(path.stat().st_size, b"\0"))

    assert isinstance(cache.get(key()), Miss)
    assert not (tmp_path / "executed").exists()


def test_an_entry_moved_to_another_key_is_a_miss(cache):
    cache.put(key(), "mine")
    entry(cache, key()).rename(entry(cache, key(rate="2")))

    assert only_reason(cache.get(key(rate="2"))) == "its cache entry is not used: damaged: it belongs to another key"


def test_the_value_of_another_entry_is_a_miss(cache):
    cache.put(key(), "mine")
    cache.put(key(rate="2"), "else")
    (entry(cache, key(rate="2")) / "value").replace(entry(cache, key()) / "value")

    assert only_reason(cache.get(key())).startswith("its cache entry is not used: damaged")


def test_a_link_in_place_of_the_value_is_a_miss(cache, tmp_path):
    cache.put(key(), "mine")
    value = entry(cache, key()) / "value"
    value.rename(tmp_path / "elsewhere")
    value.symlink_to(tmp_path / "elsewhere")

    assert isinstance(cache.get(key()), Miss)


def test_somebody_elses_entry_is_a_miss(cache, monkeypatch):
    cache.put(key(), "mine")
    monkeypatch.setattr(os, "getuid", lambda: 12345)

    assert "belongs to somebody else" in only_reason(cache.get(key()))


def test_an_entry_of_a_newer_version_is_a_miss_that_says_so(cache):
    cache.put(key(), 1)
    tamper(entry(cache, key()) / "meta.json", lambda meta: meta.update(schema=99))

    assert "has schema 99, and this version of milo_nb reads up to 1" in only_reason(cache.get(key()))


def test_a_value_whose_class_is_gone_is_a_miss(cache):
    sys.modules["fleeting"] = module = type(sys)("fleeting")
    try:
        exec("class Gone: pass", module.__dict__)
        cache.put(key(), module.Gone())
    finally:
        del sys.modules["fleeting"]

    assert "No module named 'fleeting'" in only_reason(cache.get(key()))


def test_a_hit_that_is_damaged_before_it_is_loaded_says_so(cache):
    cache.put(key(), [1])
    found = cache.look(key())
    (entry(cache, key()) / "value").unlink()

    with pytest.raises(ResultRefusedError):
        found.load()


# ---------------------------------------------------------------------- why not


def test_a_miss_names_what_changed_against_the_newest_entry_of_the_phase(cache):
    cache.put(key(**{"input load": "1", "parameter rate": "1"}), 1)
    cache.put(key(**{"input load": "2", "parameter rate": "1"}), 1)
    cache.put(key("other", **{"input load": "3"}), 1)

    found = cache.get(key(**{"input load": "2", "parameter rate": "2"}))

    assert found == Miss(["parameter `rate` changed"])


def test_a_phase_that_was_never_cached_says_that(cache):
    cache.put(key("other"), 1)

    assert cache.get(key()) == Miss(["nothing is cached for it"])


def test_an_entry_that_was_removed_is_told_from_one_that_never_was(cache):
    cache.put(key(), 1)
    cache.clean(max_bytes=0)

    assert cache.get(key()) == Miss(["its cache entry was removed"])


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"{}", b'{"key": 1, "components": 3}', b'{"key": 1, "components": [1]}']
)
def test_a_damaged_note_of_the_newest_entry_does_no_harm(cache, content):
    cache.put(key(), 1)
    (note,) = (cache.root / "cache" / "latest").iterdir()
    note.write_bytes(content)

    assert cache.get(key(rate="2")).reasons
    assert isinstance(cache.get(key()), Hit)


# ---------------------------------------------------------------------- letting go


def test_the_results_of_one_phase_or_of_all_can_be_removed(cache):
    for number in range(3):
        cache.put(key(rate=str(number)), number)
    cache.put(key("other"), 1)

    assert cache.invalidate("train") == 3
    assert cache.get(key(rate="0")) == Miss(["nothing is cached for it"])
    assert isinstance(cache.get(key("other")), Hit)
    assert cache.invalidate("train") == 0
    assert cache.invalidate() == 1
    assert isinstance(cache.get(key("other")), Miss)


def test_cleaning_removes_what_was_not_used_for_longest_until_it_fits(cache, wall):
    for name in "abc":
        cache.put(key(name), b"x" * 1000)
        wall.now += 10
    assert isinstance(cache.get(key("a")), Hit)
    size = sum(p.stat().st_size for p in entry(cache, key("a")).iterdir())

    planned = cache.clean(max_bytes=2.5 * size, dry_run=True)
    assert isinstance(cache.look(key("b")), Hit)
    gone = cache.clean(max_bytes=2.5 * size)

    assert gone == planned
    assert [(r.path, r.why.startswith("the cache holds more than ")) for r in gone] == [(entry(cache, key("b")), True)]
    assert [isinstance(cache.look(key(n)), Hit) for n in "abc"] == [True, False, True]
    assert cache.clean(max_bytes=2.5 * size) == []


def test_cleaning_removes_what_is_too_old(cache, wall):
    cache.put(key("a"), 1)
    wall.now += 8 * 86_400
    cache.put(key("b"), 1)

    (gone,) = cache.clean(older_than="7d")

    assert (gone.path, gone.why) == (entry(cache, key("a")), "not used for 8 days")
    assert gone.size_bytes > 0
    with pytest.raises(ValueError, match="Invalid TTL: 'long'"):
        cache.clean(older_than="long")


def test_cleaning_removes_what_a_writer_left_that_died(cache):
    cache.put(key(), 1)
    code = (
        "import os, sys; from milo_nb.persist.cache import Cache, CacheKey; from milo_nb.values import codec\n"
        "codec.dump = lambda *args: os.kill(os.getpid(), 9)\n"
        "Cache(sys.argv[1], b'k' * 32).put(CacheKey('train', 'ab12', {}), [1, 2])"
    )
    died = subprocess.run([sys.executable, "-c", code, str(cache.root)], timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL
    (left,) = (cache.root / "cache").glob(".tmp-*")

    assert [r.path for r in cache.clean()] == [left]
    assert not left.exists()
    assert isinstance(cache.get(key()), Hit)


def test_cleaning_leaves_what_is_being_written(cache, monkeypatch):
    seen = []
    real = codec.dump

    def dump(*args):
        seen.append(cache.clean(max_bytes=1e9))
        return real(*args)

    monkeypatch.setattr(codec, "dump", dump)
    cache.put(key(), 1)

    assert seen == [[]]
    assert isinstance(cache.get(key()), Hit)


def test_nothing_else_that_lies_in_the_cache_is_removed(cache, tmp_path):
    cache.put(key(), 1)
    precious = [
        cache.root / "cache" / "ab" / "thesis",
        cache.root / "cache" / "my" / "abcd",
        tmp_path / "home" / "ab" / "abcd",
    ]
    for folder in precious:
        folder.mkdir(parents=True)
    linked = Cache(tmp_path / "linked", SECRET)
    linked.root.mkdir()
    (linked.root / "cache").symlink_to(tmp_path / "home")

    assert cache.invalidate() == 1
    assert linked.clean(max_bytes=0) == []
    assert linked.invalidate() == 0
    assert all(folder.exists() for folder in precious)


def test_cleaning_a_cache_that_is_not_there_is_nothing(cache):
    assert cache.clean(max_bytes=0) == []
    assert cache.invalidate() == 0


# ---------------------------------------------------------------------- for people


def test_the_index_says_what_there_is(cache, wall):
    cache.put(key(), 1, {"duration_s": 2})
    cache.flush()
    index = json.loads((cache.root / "cache-meta.json").read_text())

    (found,) = index["entries"].values()
    assert (found["phase"], found["created_at"], found["info"]) == ("train", wall.now, {"duration_s": 2})
    assert list(index["entries"]) == [key().digest]


def test_the_index_is_made_anew_from_the_folders(cache):
    cache.put(key("a"), 1)
    (cache.root / "cache-meta.json").write_text("nonsense")
    other = Cache(cache.root, SECRET)
    other.put(key("b"), 1)
    other.flush()

    index = json.loads((cache.root / "cache-meta.json").read_text())
    assert {found["phase"] for found in index["entries"].values()} == {"a", "b"}

    cache.invalidate("a")
    index = json.loads((cache.root / "cache-meta.json").read_text())
    assert {found["phase"] for found in index["entries"].values()} == {"b"}


# ---------------------------------------------------------------------- files


def test_files_of_a_phase_come_back_with_its_result(cache, tmp_path):
    run, other = tmp_path / "run", tmp_path / "other"
    run.mkdir()
    other.mkdir()
    files = Files(run)
    marks = files.before()
    (run / "reports").mkdir()
    (run / "reports" / "a.txt").write_text("hello")
    changes = files.changed(marks)

    cache.put(key(), 1, files=changes.records, files_root=run)
    (run / "reports" / "a.txt").write_text("other now")
    found = cache.get(key())
    found.restore_files(other)

    assert (other / "reports" / "a.txt").read_text() == "hello"
    assert found.files == changes.records


def test_a_damaged_file_of_an_entry_is_refused(cache, tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    cache.put(key(), 1, files=Files(tmp_path).record(["a.txt"]), files_root=tmp_path)
    (entry(cache, key()) / "files" / "a.txt").write_text("jello")

    with pytest.raises(ResultRefusedError, match="damaged"):
        cache.get(key()).restore_files(tmp_path / "other")
    assert not (tmp_path / "other" / "a.txt").exists()


def test_a_file_that_changed_since_it_was_recorded_is_not_put(cache, tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    records = Files(tmp_path).record(["a.txt"])
    (tmp_path / "a.txt").write_text("jello")

    with pytest.raises(ResultRefusedError, match="damaged"):
        cache.put(key(), 1, files=records, files_root=tmp_path)
    assert isinstance(cache.get(key()), Miss)
    with pytest.raises(DeclarationError, match="files= needs files_root="):
        cache.put(key(), 1, files=records)


# ---------------------------------------------------------------------- two kernels

COMPUTE = """
import os, sys
from milo_nb.persist.cache import Cache, CacheKey, Hit
cache, key = Cache(sys.argv[1], b"k" * 32), CacheKey("train", "ab12", {})
print("ready", flush=True)
sys.stdin.readline()
found = cache.get(key)
if not isinstance(found, Hit):
    with cache.hold(key) as hold:
        assert hold.held
        found = cache.get(key)
        if not isinstance(found, Hit):
            fd = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(fd, b"computed\\n")
            cache.put(key, list(range(1000)))
            found = cache.get(key)
assert found.load() == list(range(1000))
"""


def start(code, *args):
    child = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "ready\n"
    return child


def test_two_kernels_do_not_compute_one_key_twice(tmp_path):
    kernels = [start(COMPUTE, tmp_path / "cache", tmp_path / "trace") for _ in range(4)]
    for kernel in kernels:
        kernel.stdin.write("go\n")
        kernel.stdin.flush()
    for kernel in kernels:
        kernel.communicate(timeout=60)

    assert [kernel.returncode for kernel in kernels] == [0, 0, 0, 0]
    assert (tmp_path / "trace").read_text() == "computed\n"
    assert not list((tmp_path / "cache" / "cache" / "locks").iterdir())


HOLD = """
import sys, os
from milo_nb.persist.cache import Cache, CacheKey
hold = Cache(sys.argv[1], b"k" * 32).hold(CacheKey("train", "ab12", {}))
assert hold.take()
if sys.argv[2:] and os.fork() == 0:
    print("ready", flush=True)
    sys.stdin.readline()
    os._exit(0)
if not sys.argv[2:]:
    print("ready", flush=True)
import signal
signal.pause()
"""


@pytest.mark.parametrize("forked", [False, True])
def test_who_waits_goes_on_when_the_kernel_that_computes_is_killed(cache, forked):
    kernel = start(HOLD, cache.root, *(["fork"] if forked else []))
    waits, done = threading.Event(), threading.Event()
    hold = cache.hold(CacheKey("train", "ab12", {}), cancelled=lambda: bool(waits.set()))

    def wait():
        hold.take()
        done.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert waits.wait(DEADLINE_S)
    assert not done.is_set()

    kernel.kill()
    assert done.wait(DEADLINE_S)
    thread.join(DEADLINE_S)
    kernel.stdin.close()
    kernel.stdout.close()
    kernel.wait(DEADLINE_S)
    assert hold.held
    assert hold.waited
    hold.release()


def test_waiting_can_be_cancelled(cache):
    with cache.hold(key()) as first:
        assert first.held
        assert not first.waited
        other = cache.hold(key(), cancelled=lambda: True)
        assert not other.take()
        assert other.waited
        with pytest.raises(ZeroDivisionError):
            cache.hold(key(), cancelled=lambda: 1 / 0).take()
        assert not cache.hold(key()).take(wait=False)
        with cache.hold(key("other")) as second:
            assert second.held
    with cache.hold(key()) as again:
        assert again.held


FORKED = """
import os, sys
from milo_nb.persist.cache import Cache, CacheKey
cache, key = Cache(sys.argv[1], b"k" * 32), CacheKey("train", "ab12", {})
with cache.hold(key) as hold:
    with open(os.devnull) as other:
        child = os.fork()
        if child == 0:
            hold.release()
            other.read()
            os._exit(cache.hold(key).take(wait=False))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), hold.held, os.path.exists(hold._path))
"""


def test_a_fork_has_no_part_in_the_right_to_compute(cache):
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(cache.root)], stdout=subprocess.PIPE, text=True, timeout=60, check=True
    )

    assert done.stdout.split() == ["0", "True", "True"]


def test_where_nothing_can_be_written_all_compute_for_themselves(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("in the way")
    with Cache(tmp_path, SECRET).hold(key()) as hold:
        assert not hold.held


def test_where_there_are_no_locks_all_compute_for_themselves(cache, monkeypatch):
    def no_locks(*args):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with cache.hold(key()) as hold:
        assert not hold.held


def test_an_equal_value_that_was_put_anew_while_it_was_read_is_not_called_damaged(cache, wall, monkeypatch):
    cache.put(key(), 1)
    load = Hit.load

    def meanwhile(hit):
        monkeypatch.setattr(Hit, "load", load)
        cache.put(key(), 2)
        try:
            return hit.load()
        finally:
            wall.now += 1
            cache.put(key(), 1)

    monkeypatch.setattr(Hit, "load", meanwhile)

    assert cache.get(key()).load() == 1


def test_a_value_of_another_size_that_was_put_while_it_was_looked_at_is_not_called_damaged(cache, monkeypatch):
    cache.put(key(), 1)
    read_facts = cache_module.read_facts

    def meanwhile(*args):
        monkeypatch.setattr(cache_module, "read_facts", read_facts)
        facts = read_facts(*args)
        cache.put(key(), [1] * 100)
        return facts

    monkeypatch.setattr(cache_module, "read_facts", meanwhile)

    assert cache.look(key()).load() == [1] * 100


PUT = """
import sys
from milo_nb.persist.cache import Cache, CacheKey
cache, key = Cache(sys.argv[1], b"k" * 32), CacheKey("train", "ab12", {})
print("ready", flush=True)
sys.stdin.readline()
for number in range(60):
    cache.put(key, [int(sys.argv[2])] * 2000)
"""


@pytest.mark.slow
def test_readers_find_a_whole_entry_or_none_while_kernels_replace_it(tmp_path):
    cache, k = Cache(tmp_path, SECRET), CacheKey("train", "ab12", {})
    cache.put(k, [0] * 2000)
    kernels = [start(PUT, tmp_path, number) for number in (1, 2)]
    for kernel in kernels:
        kernel.stdin.write("go\n")
        kernel.stdin.flush()
    hits, misses = 0, []
    while any(kernel.poll() is None for kernel in kernels):
        found = cache.get(k)
        if isinstance(found, Hit):
            value = found.load()
            assert value == [value[0]] * 2000
            hits += 1
        else:
            misses += found.reasons
    for kernel in kernels:
        kernel.communicate(timeout=60)

    assert [kernel.returncode for kernel in kernels] == [0, 0]
    assert hits
    assert set(misses) <= {"its cache entry was removed", "its cache entry is not used: missing"}
    assert cache.get(k).load()[0] in (1, 2)
    assert not list((tmp_path / "cache").glob("**/.tmp-*"))
