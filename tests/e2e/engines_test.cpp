// The engine behind a command: the same verbs on a directory at rest, beside the process that has
// it open, and over a server say the same and end the same.
#include "tests/e2e/program.hpp"
#include "tests/unit/node/scripted.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <filesystem>
#include <memory>
#include <regex>

#include <unistd.h>

using e2e::arguments;
using e2e::contains;
using e2e::json;
using e2e::outcome;
using e2e::world;
using std::chrono::seconds;

namespace {

/// What differs between two calls: times that pass, and where things are.
std::string masked(std::string text, const std::string& dir) {
  for (auto at = text.find(dir); at != text.npos; at = text.find(dir, at))
    text.replace(at, dir.size(), "DIR");
  static const std::regex time(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)");
  static const std::regex span(R"(\d[\d.]* ?(ms|s|m)( \d+s)?(\.\.\.)?)");
  static const std::regex spaces(" +");
  text = std::regex_replace(text, time, "TIME");
  text = std::regex_replace(text, span, "SPAN");
  return std::regex_replace(text, spaces, " ");
}

/// Three copies of a directory: one at rest, one that `tenax resume long` has open, one served.
class three_ways : public world {
 public:
  three_ways() {
    constexpr auto wait = R"({"key":"w","type":"wait","input":{"seconds":3600}})";
    constexpr auto fail = R"({"key":"a","type":"exec","input":{"argv":["false"]}})";
    const auto put = [&](const std::string& id, const std::string& actions) {
      return file(id + ".json",
                  R"({"id":")" + id + R"(","name":"n-)" + id + R"(","actions":[)" + actions + "]}");
    };
    const arguments once{"--allow-exec", "--max-attempts", "1"};
    const auto run = [&](arguments files, const arguments& more = {}) {
      files.insert(files.begin(), "run");
      files.insert(files.end(), once.begin(), once.end());
      files.insert(files.end(), more.begin(), more.end());
      return files;
    };
    const auto done = put("done", R"({"key":"a","type":"noop","input":{"n": 12345678901234567890,
        "t":"\u00e4\n\"","f":1.50}},{"key":"b","type":"noop","depends_on":["a"]})");
    BOOST_REQUIRE(tenax(run({done, put("bad", fail), put("bad2", fail)})).exit_code == 1);
    const auto ask = put("ask", std::string(fail) + "," + wait);
    const auto sig = put(
        "sig", std::string(wait) + R"(,{"key":"s","type":"wait_signal","input":{"name":"go"}})");
    e2e::process running(command(run({ask, sig, put("long", wait)}, {"--on-exhausted", "pause"})));
    const auto counts = [&](const char* id) {
      const auto got = tenax({"show", id, "--output", "json"});
      return got.exit_code == 0 ? json::parse(got.out)["workflow"]["actions"] : json::object();
    };
    BOOST_REQUIRE(e2e::eventually([&] {
      const auto a = counts("ask"), g = counts("sig"), l = counts("long");
      return a.value("in_doubt", 0) == 1 && a.value("timer", 0) == 1 &&
             g.value("outside", 0) == 1 && g.value("timer", 0) == 1 && l.value("timer", 0) == 1;
    }));
    running.send(SIGTERM);
    BOOST_REQUIRE(running.wait().exit_code == 130);
  }

  /// Fresh copies, and the two processes.
  void start() {
    process_.reset();
    server_.reset();
    for (const auto* name : {"rest", "process", "served"}) {
      std::filesystem::remove_all(path(name));
      BOOST_REQUIRE(tenax({"backup", path(name)}).exit_code == 0);
    }
    process_ = std::make_unique<e2e::process>(
        arguments{TENAX_PROGRAM, "resume", "long", "--data-dir", path("process")});
    server_ = std::make_unique<e2e::process>(
        arguments{TENAX_PROGRAM, "serve", "--data-dir", path("served"), "--listen", "127.0.0.1:0"});
    BOOST_REQUIRE(process_->wait_for("long: ", seconds(30)));
    std::string text;
    BOOST_REQUIRE(e2e::eventually([&] {
      text += server_->take_output(std::chrono::milliseconds(20));
      return contains(text, "\n");
    }));
    const auto at = text.find("http://");
    url_ = text.substr(at, text.find(' ', at) - at);
  }

  /// Asks the same in the three ways; `{}` in an argument is a directory of each.
  void same(const arguments& args, int exit_code) {
    outcome first;
    for (const std::string name : {"rest", "process", "served", "socket"}) {
      arguments all{TENAX_PROGRAM};
      for (auto word : args) {
        if (const auto at = word.find("{}"); at != word.npos) word.replace(at, 2, path(name));
        all.push_back(word);
      }
      const bool is_over_socket = name == "socket";
      if (is_over_socket && args[0] != "list") continue;
      const bool is_local_only = args[0] == "backup";  // not over TCP
      if (name == "rest" || name == "process") {
        all.insert(all.end(), {"--data-dir", path(name)});
      } else {
        all.insert(all.end(),
                   {"--server",
                    is_over_socket || is_local_only ? "unix:" + path("served/api.sock") : url_});
      }
      auto got = e2e::run(all);
      got.out = masked(got.out, path(name));
      got.err = masked(got.err, path(name));
      const auto asked = name + ": " + args[0] + " " + (args.size() > 1 ? args[1] : "");
      BOOST_TEST(got.exit_code == exit_code, asked << ": " << got.out << got.err);
      if (name == "rest") first = got;
      BOOST_TEST(got.exit_code == first.exit_code, asked);
      BOOST_TEST(got.out == first.out, asked);
      BOOST_TEST(got.err == first.err, asked);
    }
  }

  std::string url_;
  std::unique_ptr<e2e::process> process_;
  std::unique_ptr<e2e::process> server_;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(engines, three_ways)

BOOST_AUTO_TEST_CASE(every_question_has_the_same_answer_of_a_directory_a_process_and_a_server) {
  start();
  const auto token = [&](const arguments& args) {
    auto all = args;
    all.insert(all.end(), {"--output", "json"});
    return tenax_json(args)["next_page_token"].get<std::string>();
  };
  const auto next = token({"list", "--limit", "2"});
  for (const auto* output : {"text", "json"}) {
    const std::vector<std::pair<arguments, int>> table{
        {{"list"}, 0},
        {{"list", "--newest-first", "--limit", "2"}, 0},
        {{"list", "--limit", "2", "--page-token", next}, 0},
        {{"list", "--page-token", "no token"}, 2},
        {{"list", "--status", "failed"}, 0},
        {{"list", "--name", "n-done", "--since", "2020-01-01"}, 0},
        {{"list", "--until", "2020-01-01"}, 0},
        {{"list", "--to-decide"}, 0},
        {{"list", "--waiting", "outside", "--open"}, 0},
        {{"list", "--error-class", "exit_1"}, 0},
        {{"list", "--error-class", "no such class", "--reference", "a&b=c+d %"}, 0},
        {{"list", "--waiting", "handler"}, 2},
        {{"list", "--count"}, 0},
        {{"list", "--count", "--status", "failed"}, 0},
        {{"show", "done"}, 0},
        {{"show", "bad", "--all"}, 0},
        {{"explain", "done"}, 0},
        {{"explain", "bad"}, 0},
        {{"history", "done"}, 0},
        {{"history", "sig", "--after", "2", "--limit", "3"}, 0},
        {{"history", "bad", "--after", "1000000"}, 0},
        {{"show", "nope"}, 2},
        {{"explain", "nope"}, 2},
        {{"history", "nope"}, 2},
        {{"show", "no id/?&"}, 2},
        {{"show", ".."}, 2},
    };
    for (auto [args, exit_code] : table) {
      args.insert(args.end(), {"--output", output});
      same(args, exit_code);
    }
  }
  for (const auto* id : {"done", "bad", "ask", "sig", "long"})
    same({"show", id, "--output", "json"}, 0);
}

BOOST_AUTO_TEST_CASE(every_verb_does_the_same_to_a_directory_a_process_and_a_server) {
  for (const auto* output : {"text", "json"}) {
    start();
    const std::vector<std::pair<arguments, int>> table{
        {{"signal", "sig", "go", "--payload", R"({"a" : "\u00e4", "n":1.50})", "--key", "k"}, 0},
        {{"signal", "sig", "go", "--payload", R"({"a":"ä","n":1.50})", "--key", "k"}, 0},
        {{"signal", "sig", "go", "--payload", "2", "--key", "k"}, 2},
        {{"signal", "sig", "no name"}, 2},
        {{"signal", "done", "go"}, 2},
        {{"signal", "nope", "go"}, 2},
        {{"signal", "sig", "go", "--payload", "{"}, 2},
        {{"resolve", "ask", "nope", "skip"}, 2},
        {{"resolve", "ask", "w", "skip"}, 2},
        {{"resolve", "ask", "a", "complete"}, 2},
        {{"resolve", "ask", "a", "complete", "--value", R"({"by" : "hand"})"}, 0},
        {{"resolve", "ask", "a", "complete", "--value", "1"}, 2},
        {{"change", "bad", "a", "--input", R"({"argv" : ["true"]})", "--reason", "a typo"}, 0},
        {{"change", "bad", "a", "--input", R"({"argv":["true"]})"}, 0},
        {{"change", "ask", "w", "--max-attempts", "7", "--min-wait-ms", "5"}, 0},
        {{"change", "ask", "w", "--policy-as-registered", "--on-exhausted", "skip"}, 0},
        {{"change", "ask", "w", "--input", R"({"seconds":-1})"}, 2},
        {{"change", "ask", "w", "--input", R"("${actions.a.result}")"}, 2},
        {{"change", "ask", "w", "--input", "{"}, 2},
        {{"change", "ask", "w", "--input", "@/dev/zero"}, 2},
        {{"change", "ask", "w"}, 2},
        {{"change", "ask", "w", "--max-attempts", "101"}, 2},
        {{"change", "ask", "nope", "--max-attempts", "7"}, 2},
        {{"change", "sig", "s", "--input", R"({"name":"come"})"}, 2},
        {{"change", "done", "a", "--max-attempts", "7"}, 2},
        {{"change", "nope", "a", "--max-attempts", "7"}, 2},
        {{"retry", "bad", "--reason", "mended; ä \"x\""}, 0},
        {{"retry", "done"}, 2},
        {{"retry", "nope"}, 2},
        {{"retry", "--failed", "--name", "n-bad2"}, 0},
        {{"retry", "--failed", "--name", "n-bad2"}, 0},
        {{"cancel", "sig", "--reason", "no\nmore"}, 0},
        {{"cancel", "sig"}, 0},
        {{"cancel", "done"}, 2},
        {{"cancel", "nope"}, 2},
        {{"remove", "long"}, 2},
        {{"remove", "nope"}, 2},
        {{"remove", "sig"}, 0},
        {{"remove", "sig"}, 2},
        {{"backup", "{}-copy"}, 0},
        {{"backup", "{}-copy"}, 2},
        {{"backup", "{}/db/inside"}, 2},
    };
    for (auto [args, exit_code] : table) {
      args.insert(args.end(), {"--output", output});
      same(args, exit_code);
    }
    // And the same is there.
    for (const auto* id : {"done", "ask", "long"}) {
      same({"show", id, "--output", "json"}, 0);
      same({"history", id, "--output", "json"}, 0);
    }
    for (const auto* name : {"rest", "process", "served"})
      std::filesystem::remove_all(path(std::string(name) + "-copy"));
  }
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

constexpr auto waits = R"({"id":"long","name":"long","actions":[
  {"key":"w","type":"wait","input":{"seconds":3600}}]})";

bool answers(const e2e::arguments& command) { return e2e::run(command).exit_code == 0; }

}  // namespace

BOOST_FIXTURE_TEST_SUITE(one_engine, world)

BOOST_AUTO_TEST_CASE(a_question_is_answered_although_the_process_ends) {
  e2e::process running(command({"run", file("long.json", waits)}));
  BOOST_REQUIRE(running.wait_for("long: started", seconds(30)));
  // In its place: says who it is, and is gone before the question.
  std::filesystem::remove(path("data/api.sock"));
  node_test::scripted going({node_test::version(), ""}, path("data/api.sock"));
  const auto shown = tenax({"show", "long"});
  BOOST_TEST(shown.exit_code == 0, shown.err);
  BOOST_TEST(contains(shown.out, "in_progress"));
  BOOST_TEST(going.requests().size() == 2U);
  running.send(SIGTERM);
  (void)running.wait();
}

BOOST_AUTO_TEST_CASE(a_process_that_dies_while_it_is_asked_leaves_the_directory_to_who_asks) {
  e2e::process running(command({"run", file("long.json", waits)}));
  BOOST_REQUIRE(running.wait_for("long: started", seconds(30)));
  running.send(SIGSTOP);  // connections are taken, and nobody answers
  e2e::process asking(command({"cancel", "long"}));
  ::poll(nullptr, 0, 200);
  running.send(SIGKILL);
  (void)running.wait();
  const auto got = asking.wait();
  BOOST_TEST(got.exit_code == 0, got.err);
  BOOST_TEST(contains(got.out, "long: cancelled"));
  BOOST_TEST(std::filesystem::exists(path("data/api.sock")));  // stale, and in nobody's way
  BOOST_TEST(answers(command({"list"})));
}

BOOST_AUTO_TEST_CASE(a_server_that_is_killed_leaves_what_it_answered) {
  e2e::process serving(command({"serve", "--listen", "127.0.0.1:0"}));
  std::string text;
  BOOST_REQUIRE(e2e::eventually([&] {
    text += serving.take_output(std::chrono::milliseconds(20));
    return contains(text, "\n");
  }));
  const auto at = text.find("http://");
  const auto url = text.substr(at, text.find(' ', at) - at);
  BOOST_TEST(e2e::run({TENAX_PROGRAM, "list", "--server", url}).exit_code == 0);
  serving.send(SIGSTOP);
  e2e::process asking({TENAX_PROGRAM, "list", "--server", url, "--output", "json"});
  ::poll(nullptr, 0, 200);
  serving.send(SIGKILL);
  (void)serving.wait();
  const auto got = asking.wait();
  BOOST_TEST(got.exit_code == 3);
  BOOST_TEST(json::parse(got.out)["error"]["code"] == "unreachable");
  BOOST_TEST(contains(got.err, url), got.err);
}

BOOST_AUTO_TEST_CASE(a_path_of_any_length_has_its_socket) {
  auto deep = path("deep");
  while (deep.size() < 300) deep += "/" + std::string(60, 'd');
  std::filesystem::create_directories(deep);
  const auto at = [&](e2e::arguments args) {
    args.insert(args.begin(), TENAX_PROGRAM);
    args.insert(args.end(), {"--data-dir", deep + "/data"});
    return args;
  };
  const auto spec = file("long.json", waits);
  for (const auto& args : {e2e::arguments{"run", spec}, {"serve", "--listen", "127.0.0.1:0"}}) {
    e2e::process running(at(args));
    BOOST_REQUIRE(e2e::eventually([&] {
      return std::filesystem::exists(deep + "/data/api.sock") && answers(at({"show", "long"}));
    }));
    const auto shown = e2e::run(at({"show", "long"}));
    BOOST_TEST(contains(shown.out, "process " + std::to_string(running.pid())), shown.out);
    BOOST_TEST(
        e2e::run({TENAX_PROGRAM, "show", "long", "--server", "unix:" + deep + "/data/api.sock"})
            .exit_code == 0);
    if (args[0] == "serve") {
      BOOST_TEST(e2e::run(at({"cancel", "long"})).exit_code == 0);
    }
    running.send(SIGTERM);
    BOOST_TEST(running.wait().exit_code == (args[0] == "run" ? 130 : 0));
    BOOST_TEST(!std::filesystem::exists(deep + "/data/api.sock"));
  }
}

BOOST_AUTO_TEST_CASE(another_user_reaches_nothing) {
  if (::geteuid() != 0 || e2e::run({"setpriv", "--version"}).exit_code != 0) {
    BOOST_TEST_MESSAGE("not root, or no setpriv: not checked");
    return;
  }
  e2e::process running(command({"run", file("long.json", waits)}));
  BOOST_REQUIRE(running.wait_for("long: started", seconds(30)));
  const auto as_other = [&](e2e::arguments args) {
    auto all = command(std::move(args));
    all.insert(all.begin(), {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
    return e2e::run(all);
  };
  for (const bool open : {false, true}) {
    // The directories' modes aside, also: the socket's own.
    if (open)
      for (const auto& dir : {path(""), data()})
        std::filesystem::permissions(dir, std::filesystem::perms(0755));
    for (const e2e::arguments& args : {e2e::arguments{"list"}, {"cancel", "long"}}) {
      const auto got = as_other(args);
      BOOST_TEST(got.exit_code == 3, got.out << got.err);
    }
    const auto over = as_other({"list"});
    BOOST_TEST(!contains(over.out, "long"));
  }
  const auto named =
      e2e::run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", TENAX_PROGRAM,
                "cancel", "long", "--server", "unix:" + path("data/api.sock")});
  BOOST_TEST(named.exit_code == 3, named.err);
  BOOST_TEST(workflows().at(0)["status"] == "in_progress");
  running.send(SIGTERM);
  (void)running.wait();
}

BOOST_AUTO_TEST_CASE(a_server_with_tokens_and_tls_is_asked_with_both) {
  const auto certificate = path("server.crt");
  const auto made = e2e::run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                              "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
                              "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                              path("server.key"), "-out", certificate});
  BOOST_TEST_REQUIRE(made.exit_code == 0, made.err);
  const auto token_of = [&](const std::string& scope) {
    return tenax_json({"token", "create", scope, "--scope", scope, "--token-file",
                       path("tokens")})["token"]
        .get<std::string>();
  };
  const auto reads = token_of("read"), operates = token_of("operate");
  e2e::process serving(
      command({"serve", "--listen", "127.0.0.1:0", "--token-file", path("tokens"), "--tls-key",
               path("server.key"), "--tls-certificate", certificate}));
  std::string text;
  BOOST_REQUIRE(e2e::eventually([&] {
    text += serving.take_output(std::chrono::milliseconds(20));
    return contains(text, "\n");
  }));
  const auto port =
      text.substr(text.find("127.0.0.1:") + 10, text.find(" and ") - text.find("127.0.0.1:") - 10);
  const auto url = "https://localhost:" + port;
  const auto ask = [&](const std::string& token, e2e::arguments args) {
    args.insert(args.begin(), {"env", "TENAX_TOKEN=" + token, TENAX_PROGRAM});
    args.insert(args.end(), {"--server", url});
    auto got = e2e::run(args);
    if (!token.empty()) BOOST_TEST(!contains(got.out + got.err, token.substr(13)));
    return got;
  };
  const auto listed = ask(reads, {"list", "--cacert", certificate});
  BOOST_TEST(listed.exit_code == 0, listed.err);
  const auto none = ask("", {"list", "--cacert", certificate});
  BOOST_TEST(none.exit_code == 2);
  BOOST_TEST(contains(none.err, "this needs a token"), none.err);
  const auto from_file = ask(
      "", {"list", "--cacert", certificate, "--server-token-file", file("secret", reads + "\n")});
  BOOST_TEST(from_file.exit_code == 0, from_file.err);
  const auto unknown = ask(reads, {"list"});  // nobody known has signed it
  BOOST_TEST(unknown.exit_code == 3);
  BOOST_TEST(contains(unknown.err, "[unreachable]"), unknown.err);
  const auto may_not = ask(reads, {"cancel", "long", "--cacert", certificate});
  BOOST_TEST(may_not.exit_code == 2);
  BOOST_TEST(contains(may_not.err, "operate"), may_not.err);
  const auto may = ask(operates, {"cancel", "long", "--cacert", certificate});  // is not there
  BOOST_TEST(contains(may.err, "no workflow long"), may.err);
  serving.send(SIGTERM);
  BOOST_TEST(serving.wait().exit_code == 0);
}

BOOST_AUTO_TEST_CASE(who_decides_is_in_the_history_whichever_way_it_goes) {
  const auto spec = file("long.json", waits);
  const auto by = [&](const std::string& id) {
    const auto events = tenax_json({"history", id})["events"];
    return events[events.size() - 1]["data"].value("who", "");
  };
  e2e::process running(command({"run", spec}));
  BOOST_REQUIRE(running.wait_for("long: started", seconds(30)));
  BOOST_TEST(tenax({"retry", "long", "w"}).exit_code == 0);  // its timer is over then
  BOOST_TEST(running.wait().exit_code == 0);
  BOOST_TEST(tenax_json({"show", "long"})["workflow"]["status"] == "completed");
  const auto user = e2e::run({"id", "-un"}).out;
  bool is_named = false;
  const auto events = tenax_json({"history", "long"})["events"];
  for (const auto& e : events) is_named = is_named || e["data"].value("who", "") + "\n" == user;
  BOOST_TEST(is_named);
  const auto other = file("other.json", R"({"id":"other","name":"o","actions":[
    {"key":"w","type":"wait","input":{"seconds":3600}}]})");
  e2e::process again(command({"run", other}));
  BOOST_REQUIRE(again.wait_for("other: started", seconds(30)));
  again.send(SIGKILL);
  (void)again.wait();
  BOOST_TEST(tenax({"cancel", "other"}).exit_code == 0);  // at rest
  BOOST_TEST(by("other") + "\n" == user);
}

BOOST_AUTO_TEST_CASE(what_does_not_go_over_a_server_is_said) {
  const auto spec = file("long.json", waits);
  const e2e::arguments table[] = {{"verify"},    {"export"},      {"import", "-"},
                                  {"run", spec}, {"resume", "x"}, {"serve"}};
  for (const auto& args : table) {
    auto all = args;
    all.insert(all.begin(), TENAX_PROGRAM);
    auto in_environment = all;
    all.insert(all.end(), {"--server", "http://127.0.0.1:1"});
    in_environment.insert(in_environment.begin(), {"env", "TENAX_SERVER=http://127.0.0.1:1"});
    for (const auto& words : {all, in_environment}) {
      const auto got = e2e::run(words);
      BOOST_TEST(got.exit_code == 2, args[0] << ": " << got.err);
      BOOST_TEST(contains(got.err, "tenax " + args[0] + " works on a data directory"), got.err);
    }
  }
  const auto both = tenax({"list", "--server", "http://127.0.0.1:1"});
  BOOST_TEST(both.exit_code == 2);
  BOOST_TEST(contains(both.err, "--server and --data-dir are two different engines"), both.err);
  const auto named = e2e::run(
      {"env", "TENAX_SERVER=http://127.0.0.1:1", TENAX_PROGRAM, "list", "--data-dir", data()});
  BOOST_TEST(contains(named.err, data() + " does not exist"), named.err);  // the option counts
  const auto relative =
      e2e::run({TENAX_PROGRAM, "backup", "here", "--server", "http://127.0.0.1:1"});
  BOOST_TEST(relative.exit_code == 2);
  BOOST_TEST(contains(relative.err, "of the server's machine"), relative.err);
}

BOOST_AUTO_TEST_SUITE_END()
