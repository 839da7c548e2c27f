// What the handler exec promises. Programs that do not end by themselves sleep for an hour: a test
// that fails to kill one shows it. Nothing here sleeps: what other processes do is polled for.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tenax/handler.hpp"

using namespace tenax;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;
using clock_type = std::chrono::steady_clock;
using argv_type = std::vector<std::string>;

/// A directory of its own, removed at the end.
class scratch {
 public:
  scratch() {
    std::string path = (fs::temp_directory_path() / "tenax-exec-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(path.data()) != nullptr);
    dir_ = path;
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() {
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
  }
  [[nodiscard]] std::string file(const char* name) const { return (dir_ / name).string(); }

 private:
  fs::path dir_;
};

outcome run(const argv_type& argv, exec_options options = {}, std::stop_token stop = {}) {
  handler_registry registry;
  builtin::add_exec(registry, std::move(options));
  const auto input = json{{"argv", argv}}.dump();
  action_context ctx;
  ctx.input = input;
  ctx.stop = std::move(stop);
  return registry.find("exec")->run(ctx);
}

outcome sh(const std::string& script, exec_options options = {}, std::stop_token stop = {}) {
  return run({"/bin/sh", "-c", script}, std::move(options), std::move(stop));
}

json result_of(const outcome& o) {
  BOOST_REQUIRE_MESSAGE(o.what == outcome::kind::success, o.error_class + ": " + o.message);
  return json::parse(o.result);
}

std::string stdout_of(const outcome& o) { return result_of(o).at("stdout").get<std::string>(); }

std::vector<fault> check(const std::string& input, exec_options options = {}) {
  handler_registry registry;
  builtin::add_exec(registry, std::move(options));
  return registry.find("exec")->options.check(input);
}

bool eventually(const std::function<bool()>& holds) {
  const auto deadline = clock_type::now() + 20s;
  while (!holds()) {
    if (clock_type::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// A dead process that nobody has reaped yet does not run: where the tests run without an init,
/// that is how orphans end.
bool runs(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  const auto name_end = text.rfind(") ");
  return name_end != std::string::npos && text[name_end + 2] != 'Z' && text[name_end + 2] != 'X';
}

/// Waits until the file holds a whole line and reads it as a process id.
pid_t pid_in(const std::string& file) {
  pid_t pid = 0;
  BOOST_REQUIRE(eventually([&] {
    std::ifstream in(file);
    std::string line;
    if (!std::getline(in, line) || in.eof()) return false;
    pid = std::stoi(line);
    return true;
  }));
  BOOST_REQUIRE(pid > 0);
  return pid;
}

void check_killed(pid_t pid) {
  const bool dead = eventually([&] { return !runs(pid); });
  BOOST_TEST(dead);
  if (!dead) ::kill(pid, SIGKILL);
}

std::size_t open_fds() {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{}));
}

void check_no_children() {
  BOOST_TEST(::waitpid(-1, nullptr, WNOHANG) == -1);
  BOOST_TEST(errno == ECHILD);
}

/// Writes its own id to the file, then the id of a child that sleeps, and waits for it.
std::string family(const scratch& dir) {
  return "sleep 3600 & echo $! > " + dir.file("child") + "; echo $$ > " + dir.file("parent") +
         "; wait";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exec)

BOOST_AUTO_TEST_CASE(result_holds_exit_code_and_both_streams) {
  const auto r = result_of(sh("echo out; echo err >&2"));
  const json expected{{"exit_code", 0},
                      {"stdout", "out\n"},
                      {"stderr", "err\n"},
                      {"stdout_truncated", false},
                      {"stderr_truncated", false},
                      {"stdout_cut", false},
                      {"stderr_cut", false}};
  BOOST_TEST((r == expected), r.dump());
}

BOOST_AUTO_TEST_CASE(exec_is_blocking_whatever_the_options_say) {
  handler_registry registry;
  builtin::add_exec(registry, {}, {.mode = run_mode::in_place, .max_recoveries = 3});
  BOOST_TEST((registry.find("exec")->options.mode == run_mode::blocking));
  BOOST_TEST(registry.find("exec")->options.max_recoveries == 3u);
}

BOOST_AUTO_TEST_CASE(no_shell_interprets_an_argument) {
  BOOST_TEST(stdout_of(run({"echo", "$HOME", "`id`", "a;b", "*", "> /x", "a  b"})) ==
             "$HOME `id` a;b * > /x a  b\n");
}

BOOST_AUTO_TEST_CASE(environment_holds_path_and_the_attempt_only) {
  ::setenv("TENAX_SECRET", "x", 1);
  handler_registry registry;
  builtin::add_exec(registry);
  action_context ctx;
  ctx.input = R"({"argv":["/usr/bin/env"]})";
  ctx.idempotency_key = "w/a";
  ctx.workflow_id = "w";
  ctx.action_key = "a";
  ctx.attempt = 7;
  const auto text = stdout_of(registry.find("exec")->run(ctx));
  ::unsetenv("TENAX_SECRET");
  BOOST_TEST(text ==
             "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
             "TENAX_IDEMPOTENCY_KEY=w/a\nTENAX_WORKFLOW_ID=w\nTENAX_ACTION_KEY=a\n"
             "TENAX_ATTEMPT=7\n");
}

BOOST_AUTO_TEST_CASE(the_trace_context_of_the_attempt_goes_before_that_of_the_host) {
  struct context final : token_source {
    std::string token() const override { return {}; }
    std::string traceparent() const override { return now; }
    std::string now = "00-1-2-01";
  } traced;
  ::setenv("TRACEPARENT", "00-of-the-host", 1);
  handler_registry registry;
  builtin::add_exec(registry, {.inherit = {"TRACEPARENT"}});
  ::unsetenv("TRACEPARENT");
  action_context ctx;
  ctx.input = R"({"argv":["/usr/bin/env"]})";
  ctx.tokens = &traced;
  const auto lines_of = [&] {
    const auto text = stdout_of(registry.find("exec")->run(ctx));
    std::vector<std::string> out;
    for (std::size_t at = text.find("TRACEPARENT"); at != std::string::npos;
         at = text.find("TRACEPARENT", at + 1))
      out.push_back(text.substr(at, text.find('\n', at) - at));
    return out;
  };
  BOOST_TEST((lines_of() == std::vector<std::string>{"TRACEPARENT=00-1-2-01"}));
  traced.now.clear();
  BOOST_TEST((lines_of() == std::vector<std::string>{"TRACEPARENT=00-of-the-host"}));
}

BOOST_AUTO_TEST_CASE(listed_variables_are_inherited_as_they_were_when_exec_was_added) {
  ::setenv("HOST_TOKEN", "before", 1);
  ::setenv("HOST_OTHER", "x", 1);
  handler_registry registry;
  builtin::add_exec(registry, {.inherit = {"HOST_TOKEN", "PATH", "HOST_NOT_SET"}});
  ::setenv("HOST_TOKEN", "after", 1);
  action_context ctx;
  ctx.input = R"({"argv":["/usr/bin/env"]})";
  const auto text = stdout_of(registry.find("exec")->run(ctx));
  ::unsetenv("HOST_TOKEN");
  ::unsetenv("HOST_OTHER");
  BOOST_TEST(text.starts_with("HOST_TOKEN=before\nPATH=" + std::string(::getenv("PATH")) +
                              "\nTENAX_IDEMPOTENCY_KEY="));
  BOOST_TEST(text.find("HOST_OTHER") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(options_that_are_out_of_range_refuse_every_action) {
  for (const auto& bad :
       {exec_options{.timeout = 0ms}, exec_options{.timeout = milliseconds::max()},
        exec_options{.output_grace = -1ms}, exec_options{.output_grace = milliseconds::max()},
        exec_options{.inherit = {""}}, exec_options{.inherit = {"A=B"}},
        exec_options{.inherit = {std::string("A\0B", 3)}},
        exec_options{.inherit = {"TENAX_ATTEMPT"}}, exec_options{.inherit = {"HOME", "HOME"}}}) {
    BOOST_TEST(!bad.faults().empty());
    BOOST_TEST(!check(R"({"argv":["true"]})", bad).empty());
    BOOST_TEST(run({"true"}, bad).error_class == "bad_input");
  }
  BOOST_TEST(exec_options{}.faults().empty());
  const exec_options good{.inherit = {"HOME", "PATH"}};
  BOOST_TEST(good.faults().empty());
}

/// As where a sandbox forbids it, or where the system has no descriptor left between the fork and
/// this call.
BOOST_AUTO_TEST_CASE(a_program_that_cannot_be_waited_for_never_begins) {
  const scratch dir;
  outcome o;
  std::thread sandboxed{[&] {
    // Of this thread and what it forks.
    std::array<sock_filter, 4> filter{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return;
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return;
    for (int n = 0; n < 20; ++n) o = sh("echo x >> " + dir.file("ran"));
  }};
  sandboxed.join();
  BOOST_TEST((o.what == outcome::kind::failure));
  BOOST_TEST(o.error_class == "spawn_failed");
  BOOST_TEST(o.message == "cannot run /bin/sh: pidfd_open: Too many open files");
  check_no_children();
  BOOST_TEST(!fs::exists(dir.file("ran")));
}

BOOST_AUTO_TEST_CASE(stdin_is_empty) { BOOST_TEST(stdout_of(run({"cat"})).empty()); }

BOOST_AUTO_TEST_CASE(no_descriptor_of_the_host_is_inherited) {
  const int leaky = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  BOOST_REQUIRE(leaky > 2);
  const auto text = stdout_of(run({"ls", "/proc/self/fd"}));
  ::close(leaky);
  BOOST_TEST(text == "0\n1\n2\n3\n");  // 3 is the directory that ls reads
}

BOOST_AUTO_TEST_CASE(signal_mask_and_dispositions_are_reset) {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  sigset_t usr1;
  ::sigemptyset(&usr1);
  ::sigaddset(&usr1, SIGUSR1);
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, &usr1, &mask);
  const auto text = stdout_of(run({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}));
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, &mask, &after);
  ::signal(SIGPIPE, before);
  BOOST_TEST(text == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  BOOST_TEST(::sigismember(&after, SIGUSR1) == 1);  // the caller's own mask is restored
}

BOOST_AUTO_TEST_CASE(program_leads_its_own_group_and_dumps_no_core) {
  std::istringstream text{stdout_of(sh("cut -d' ' -f1,5 /proc/$$/stat; ulimit -c"))};
  pid_t pid = 0;
  pid_t group = 0;
  std::string core;
  text >> pid >> group >> core;
  BOOST_TEST(pid == group);
  BOOST_TEST(core == "0");
}

BOOST_AUTO_TEST_CASE(output_beyond_the_cap_is_dropped_and_said_so) {
  const auto r = result_of(
      sh("head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2", {.output_bytes_max = 1'000}));
  BOOST_TEST((r.at("stdout") == std::string(1'000, 'x')));
  BOOST_TEST(r.at("stdout_truncated").get<bool>());
  BOOST_TEST(!r.at("stderr_truncated").get<bool>());
  BOOST_TEST((r.at("stderr") == "end\n"));
  const auto exact = result_of(sh("head -c 1000 /dev/zero", {.output_bytes_max = 1'000}));
  BOOST_TEST(!exact.at("stdout_truncated").get<bool>());
}

BOOST_AUTO_TEST_CASE(output_that_is_not_utf8_becomes_replacement_characters) {
  BOOST_TEST(stdout_of(sh("printf 'a\\377\\376b\\000c'")) == std::string("a\xEF\xBF\xBD\xEF\xBF\xBD"
                                                                         "b\0c",
                                                                         10));
}

BOOST_AUTO_TEST_CASE(other_exit_code_fails_with_the_last_line_of_stderr) {
  const auto o = sh("echo first >&2; printf 'no \\033[31mdisk\\n\\n' >&2; exit 3");
  BOOST_TEST((o.what == outcome::kind::failure));
  BOOST_TEST(o.error_class == "exit_code");
  BOOST_TEST(o.message == "exit code 3: no \\x1b[31mdisk");
  BOOST_TEST(run({"false"}).message == "exit code 1");
}

BOOST_AUTO_TEST_CASE(last_line_is_the_real_one_beyond_the_cap_and_at_most_512_bytes) {
  const auto o = sh("yes | head -c 100000 >&2; echo cause >&2; exit 1", {.output_bytes_max = 10});
  BOOST_TEST(o.message == "exit code 1: cause");
  const auto wide = sh("head -c 5000 /dev/zero | tr '\\0' x >&2; exit 1");
  BOOST_TEST(wide.message == "exit code 1: " + std::string(512, 'x'));
}

BOOST_AUTO_TEST_CASE(death_by_signal_fails_with_its_name) {
  const auto o = sh("kill -SEGV $$");
  BOOST_TEST((o.what == outcome::kind::unknown));
  BOOST_TEST(o.error_class == "signal");
  BOOST_TEST(o.message == "killed by SIGSEGV");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_run_fails_for_good) {
  const scratch dir;
  const auto script = dir.file("script");
  std::ofstream{script} << "echo never\n";  // no "#!": a shell would run it, exec must not
  fs::permissions(script, fs::perms::owner_all);
  for (const auto& program : {std::string{"/nonexistent/program"}, std::string{"tenax-no-such"},
                              std::string{"/etc"}, std::string{"/etc/passwd"}, script}) {
    const auto o = run({program});
    BOOST_TEST((o.what == outcome::kind::fatal), program);
    BOOST_TEST(o.error_class == "spawn_failed");
    BOOST_TEST(o.message.find(program) != std::string::npos, o.message);
  }
  BOOST_TEST(run({"/nonexistent/program"}).message ==
             "cannot run /nonexistent/program: execve: No such file or directory");
}

BOOST_AUTO_TEST_CASE(timeout_kills_the_whole_group) {
  const scratch dir;
  const auto start = clock_type::now();
  const auto o = sh(family(dir) + "; echo late", {.timeout = 1s});
  BOOST_TEST((clock_type::now() - start >= 1s));
  BOOST_TEST((o.what == outcome::kind::unknown));
  BOOST_TEST(o.error_class == "timeout");
  BOOST_TEST(o.message == "killed after 1000 ms");
  check_killed(pid_in(dir.file("parent")));
  check_killed(pid_in(dir.file("child")));
  check_no_children();
}

BOOST_AUTO_TEST_CASE(timeout_holds_while_output_floods_and_when_both_streams_are_closed) {
  BOOST_TEST(run({"yes"}, {.timeout = 200ms}).error_class == "timeout");
  BOOST_TEST(sh("exec >&- 2>&-; sleep 3600", {.timeout = 200ms}).error_class == "timeout");
  BOOST_TEST(sh("trap '' TERM INT HUP; sleep 3600", {.timeout = 200ms}).error_class == "timeout");
  BOOST_TEST(run({"sleep", "3600"}, {.timeout = 1ms}).error_class == "timeout");
  check_no_children();
}

BOOST_AUTO_TEST_CASE(longest_timeout_does_not_overflow) {
  BOOST_TEST(stdout_of(run({"echo", "a"}, {.timeout = limits{}.delay_max})) == "a\n");
}

BOOST_AUTO_TEST_CASE(stop_request_kills_the_whole_group) {
  const scratch dir;
  std::stop_source source;
  outcome o;
  std::thread handler{[&] { o = sh(family(dir), {.timeout = 1h}, source.get_token()); }};
  const auto parent = pid_in(dir.file("parent"));
  BOOST_TEST(runs(parent));
  source.request_stop();
  handler.join();
  BOOST_TEST((o.what == outcome::kind::unknown));
  BOOST_TEST(o.error_class == "stopped");
  check_killed(parent);
  check_killed(pid_in(dir.file("child")));
  check_no_children();
}

BOOST_AUTO_TEST_CASE(nothing_is_started_after_the_stop_request) {
  const scratch dir;
  std::stop_source source;
  source.request_stop();
  BOOST_TEST(sh("echo x > " + dir.file("ran"), {}, source.get_token()).error_class == "stopped");
  BOOST_TEST(!fs::exists(dir.file("ran")));
}

BOOST_AUTO_TEST_CASE(what_the_program_leaves_behind_is_killed_and_does_not_hang_the_handler) {
  const scratch dir;
  const auto o = sh("sleep 3600 & echo $! > " + dir.file("child") + "; echo done",
                    {.timeout = 1h, .output_grace = 0ms});
  BOOST_TEST(stdout_of(o) == "done\n");
  check_killed(pid_in(dir.file("child")));
}

/// As of `exec > >(tee LOG)`: the program ends at once, and its child has all of the output.
BOOST_AUTO_TEST_CASE(what_children_write_after_the_program_has_ended_is_in_the_result) {
  for (const std::string stream : {"", " >&2"}) {
    const auto r =
        result_of(sh("sh -c 'while ! grep -q \"^State:.Z\" /proc/$1/status; do :; done; "
                     "head -c 200000 /dev/zero | tr \"\\0\" x" +
                         stream + "; echo last" + stream + "' sh $$ & exit 0",
                     {.output_bytes_max = 300'000, .output_grace = 1h}));
    const auto& text = r.at(stream.empty() ? "stdout" : "stderr").get_ref<const std::string&>();
    BOOST_TEST(text.size() == 200'005u);
    BOOST_TEST(text.ends_with("xlast\n"));
    for (const auto* flag : {"stdout_truncated", "stderr_truncated", "stdout_cut", "stderr_cut"})
      BOOST_TEST(!r.at(flag).get<bool>(), flag);
  }
}

BOOST_AUTO_TEST_CASE(a_failed_program_is_told_with_the_last_words_of_its_children) {
  const auto o =
      sh("sh -c 'while ! grep -q \"^State:.Z\" /proc/$1/status; do :; done; "
         "echo cause >&2' sh $$ & exit 3",
         {.output_grace = 1h});
  BOOST_TEST(o.message == "exit code 3: cause");
}

BOOST_AUTO_TEST_CASE(a_stream_that_is_held_beyond_the_grace_is_cut_and_said_so) {
  const scratch dir;
  const auto held = [&dir](const char* redirect) {
    return "sleep 3600 " + std::string{redirect} + " & echo $! > " + dir.file("child") + "; echo a";
  };
  struct held_stream {
    const char* redirect;
    bool out;
    bool err;
  };
  for (const auto& [redirect, out, err] :
       {held_stream{"", true, true}, held_stream{"2>/dev/null", true, false},
        held_stream{">/dev/null", false, true}, held_stream{">/dev/null 2>&1", false, false}}) {
    const bool any = out || err;
    // What nobody holds is not waited for.
    const auto begun = clock_type::now();
    const auto r =
        result_of(sh(held(redirect), {.timeout = 1h, .output_grace = any ? milliseconds{50} : 1h}));
    BOOST_TEST((!any || clock_type::now() - begun >= 50ms));
    BOOST_TEST((r.at("stdout") == "a\n"), redirect);
    BOOST_TEST((r.at("stdout_cut") == out && r.at("stdout_truncated") == out), redirect);
    BOOST_TEST((r.at("stderr_cut") == err && r.at("stderr_truncated") == err), redirect);
    check_killed(pid_in(dir.file("child")));
  }
  check_no_children();
}

/// A stop request or the timeout ends the grace, not what the program has done: it has ended.
BOOST_AUTO_TEST_CASE(timeout_and_stop_request_end_the_grace_and_keep_the_result) {
  const scratch dir;
  const auto late = result_of(sh("sleep 3600 & echo done", {.timeout = 1s, .output_grace = 1h}));
  BOOST_TEST((late.at("stdout") == "done\n"));
  BOOST_TEST(late.at("stdout_cut").get<bool>());
  std::stop_source source;
  outcome o;
  std::thread handler{[&] {
    o = sh("echo $$ > " + dir.file("program") + "; sleep 3600 & echo $! > " + dir.file("child") +
               "; echo done",
           {.timeout = 1h, .output_grace = 1h}, source.get_token());
  }};
  const auto program = pid_in(dir.file("program"));
  const auto child = pid_in(dir.file("child"));
  BOOST_TEST(eventually([&] { return !runs(program); }));
  source.request_stop();
  handler.join();
  BOOST_TEST((result_of(o).at("stdout") == "done\n"));
  BOOST_TEST(result_of(o).at("stdout_cut").get<bool>());
  check_killed(child);
  check_no_children();
}

BOOST_AUTO_TEST_CASE(a_process_that_left_the_group_with_the_pipe_does_not_hang_the_handler) {
  const scratch dir;
  const auto file = dir.file("escaped");
  const auto o = sh(
      "setsid sh -c 'echo $$ > " + file + "; exec yes' & while ! [ -s " + file + " ]; do :; done",
      {.timeout = 1h, .output_grace = 50ms});
  const auto escaped = pid_in(file);
  ::kill(escaped, SIGKILL);  // it is out of exec's reach, as documented: end it here
  BOOST_TEST((o.what == outcome::kind::success));
}

BOOST_AUTO_TEST_CASE(death_of_the_host_kills_the_program) {
  const scratch dir;
  const pid_t host = ::fork();
  BOOST_REQUIRE(host >= 0);
  if (host == 0) {
    (void)sh("echo $$ > " + dir.file("program") + "; exec sleep 3600", {.timeout = 1h});
    ::_exit(0);
  }
  const auto program = pid_in(dir.file("program"));
  BOOST_TEST(runs(program));
  ::kill(host, SIGKILL);
  BOOST_TEST(::waitpid(host, nullptr, 0) == host);
  check_killed(program);
}

BOOST_AUTO_TEST_CASE(no_zombie_and_no_descriptor_is_left_by_many_threads) {
  const auto before = open_fds();
  std::vector<std::thread> threads;
  std::vector<int> good(6);
  for (std::size_t t = 0; t < good.size(); ++t)
    threads.emplace_back([&good, t] {
      for (int i = 0; i < 15; ++i) {
        const auto word = std::to_string(t) + "-" + std::to_string(i);
        const auto o = run({"echo", word});
        if (o.what == outcome::kind::success && json::parse(o.result)["stdout"] == word + "\n")
          ++good[t];
        (void)run({"/nonexistent"});
        (void)run({"sleep", "3600"}, {.timeout = 1ms});
      }
    });
  for (auto& t : threads) t.join();
  for (const int n : good) BOOST_TEST(n == 15);
  BOOST_TEST(open_fds() == before);
  check_no_children();
}

BOOST_AUTO_TEST_CASE(streams_are_not_mixed_up_when_the_host_has_none) {
  const pid_t host = ::fork();  // a host whose stdin, stdout and stderr are closed
  BOOST_REQUIRE(host >= 0);
  if (host == 0) {
    for (const int fd : {0, 1, 2}) ::close(fd);
    const auto o = sh("cat; echo out; echo err >&2");
    const auto r = json::parse(o.result, nullptr, false);
    const bool good =
        o.what == outcome::kind::success && r["stdout"] == "out\n" && r["stderr"] == "err\n";
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  BOOST_TEST(::waitpid(host, &status, 0) == host);
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(a_host_that_ignores_sigchld_gets_a_failure_and_no_hang) {
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  const auto o = run({"true"});
  ::signal(SIGCHLD, before);
  BOOST_TEST((o.what == outcome::kind::unknown));
  BOOST_TEST(o.error_class == "exit_lost");
}

BOOST_AUTO_TEST_CASE(running_out_of_descriptors_is_retried) {
  const auto before = open_fds();
  std::vector<int> taken;
  rlimit old{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  const rlimit tight{64, old.rlim_max};
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  for (int fd = ::dup(2); fd >= 0; fd = ::dup(2)) taken.push_back(fd);
  std::vector<outcome> outcomes;
  // One descriptor more each time: each step of the start fails once.
  while (!taken.empty() && (outcomes.empty() || outcomes.back().what != outcome::kind::success)) {
    outcomes.push_back(run({"true"}));
    ::close(taken.back());
    taken.pop_back();
  }
  for (const int fd : taken) ::close(fd);
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
  BOOST_REQUIRE(outcomes.size() > 6u);
  BOOST_TEST((outcomes.back().what == outcome::kind::success));
  outcomes.pop_back();
  for (const auto& o : outcomes) {
    BOOST_TEST((o.what == outcome::kind::failure), o.message);
    BOOST_TEST(o.error_class == "spawn_failed");
  }
  BOOST_TEST(open_fds() == before);
  check_no_children();
}

BOOST_AUTO_TEST_CASE(only_listed_programs_run) {
  const exec_options options{.programs = {"/bin/echo"}};
  BOOST_TEST(stdout_of(run({"/bin/echo", "a"}, options)) == "a\n");
  for (const auto* other : {"echo", "/bin/sh", "/bin/../bin/echo", "/usr/bin/echo"}) {
    const auto input = json{{"argv", {other, "a"}}}.dump();
    const auto faults = check(input, options);
    BOOST_REQUIRE(faults.size() == 1u);
    BOOST_TEST(faults[0].path == "/argv/0");
    BOOST_TEST(run({other, "a"}, options).error_class == "bad_input");
  }
}

BOOST_AUTO_TEST_CASE(bad_input_is_found_at_submit_with_its_path_and_nothing_runs) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", ""},
      {"[]", ""},
      {"{}", "/argv"},
      {R"({"argv":[]})", "/argv"},
      {R"({"argv":"ls -l"})", "/argv"},
      {R"({"argv":["ls",1]})", "/argv/1"},
      {R"({"argv":[""]})", "/argv/0"},
      {R"({"argv":["./run"]})", "/argv/0"},
      {R"({"argv":["a/b"]})", "/argv/0"},
      {R"({"argv":["ls","a\u0000b"]})", "/argv/1"},
      {R"({"argv":["ls"],"env":{}})", "/env"},
  };
  for (const auto& [input, path] : cases) {
    const auto faults = check(input);
    BOOST_TEST_REQUIRE(faults.size() == 1u, input);
    BOOST_TEST(faults[0].path == path);
    handler_registry registry;
    builtin::add_exec(registry);
    action_context ctx;
    ctx.input = input;
    const auto o = registry.find("exec")->run(ctx);
    BOOST_TEST((o.what == outcome::kind::fatal), input);
    BOOST_TEST(o.error_class == "bad_input");
  }
  BOOST_TEST(check(R"({"argv":["ls","-l"]})").empty());
}

BOOST_AUTO_TEST_SUITE_END()
