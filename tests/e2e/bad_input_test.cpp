// What users get wrong, and what machines do to them: each case ends with a clear message that
// names the thing and its place, an exit code that is not 0, and nothing half stored.
#include "tests/e2e/program.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "storage/keys.hpp"
#include "storage/meta_names.hpp"
#include "storage/records.hpp"
#include "storage/store.hpp"

using e2e::contains;
using e2e::world;
using std::chrono::seconds;

namespace {

constexpr auto good = R"({"id":"good","name":"good","actions":[{"key":"a","type":"noop"}]})";

struct bad_world : world {
  /// Runs a good file and a faulty one: exit code 2, every part is in the message, and nothing was
  /// stored, of the good one neither.
  void refuses(const std::string& text, const std::vector<std::string>& parts) const {
    const auto bad = file("bad.json", text);
    const auto got = tenax({"run", file("good.json", good), bad});
    BOOST_TEST(got.exit_code == 2, got.out << got.err);
    BOOST_TEST(contains(got.err, bad + ":"), got.err);
    for (const auto& part : parts) BOOST_TEST(contains(got.err, part), part << " in: " << got.err);
    BOOST_TEST(e2e::plain(got.err), got.err);
    BOOST_TEST(got.err.size() < 20'000u);
    BOOST_TEST(!std::filesystem::exists(data()));
    BOOST_TEST(
        contains(tenax_json({"run", bad}, 2)["error"]["code"].get<std::string>(), "invalid"));
  }

  void refuses_actions(const std::string& actions, const std::vector<std::string>& parts) const {
    refuses(R"({"name":"bad","actions":[)" + actions + "]}", parts);
  }

  /// One workflow that has completed.
  void store_something() const {
    BOOST_TEST(tenax({"run", file("good.json", good)}).exit_code == 0);
  }
};

/// A shell in its own mount namespace; its arguments are $1, $2 and so on.
e2e::outcome in_mount_namespace(const std::string& script, e2e::arguments args) {
  e2e::arguments line{"unshare", "-m", "sh", "-ec", script, "sh"};
  line.insert(line.end(), args.begin(), args.end());
  return e2e::run(line);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(bad_input, bad_world)

BOOST_AUTO_TEST_CASE(unknown_action_type) {
  refuses_actions(R"({"key":"a","type":"nope"})", {"/actions/0/type", "nope"});
}

BOOST_AUTO_TEST_CASE(cycle) {
  refuses_actions(R"({"key":"a","type":"noop","depends_on":["b"]},
                     {"key":"b","type":"noop","depends_on":["a"]})",
                  {"/actions/", "cycle"});
}

BOOST_AUTO_TEST_CASE(self_dependency) {
  refuses_actions(R"({"key":"a","type":"noop","depends_on":["a"]})", {"/actions/0/depends_on"});
}

BOOST_AUTO_TEST_CASE(missing_key) { refuses_actions(R"({"type":"noop"})", {"/actions/0", "key"}); }

BOOST_AUTO_TEST_CASE(duplicate_key) {
  refuses_actions(R"({"key":"a","type":"noop"},{"key":"a","type":"noop"})",
                  {"/actions/1/key", "a"});
}

BOOST_AUTO_TEST_CASE(every_fault_is_told_at_once) {
  refuses_actions(R"({"key":"a","type":"nope"},{"key":"a","type":"noop","depends_on":["gone"]})",
                  {"/actions/0/type", "/actions/1/key", "gone"});
}

BOOST_AUTO_TEST_CASE(the_faults_that_are_not_shown_are_counted) {
  std::string actions;
  for (int i = 0; i < 1'500; ++i)
    actions += (i > 0 ? "," : "") + std::string{R"({"key":"k)"} + std::to_string(i) +
               R"(","type":"nope"})";
  refuses_actions(actions, {"tenax: and 1,400 more faults\n"});  // 100 are shown
}

BOOST_AUTO_TEST_CASE(a_file_of_10_mib) {
  refuses(R"({"name":")" + std::string(10u << 20, 'x') + R"(","actions":[]})",
          {"too large", "spec_bytes_max"});
}

BOOST_AUTO_TEST_CASE(json_of_depth_200000) {
  refuses(R"({"name":"deep","actions":[{"key":"a","type":"noop","input":)" +
              std::string(200'000, '[') + std::string(200'000, ']') + "}]}",
          {"json_depth_max"});
}

BOOST_AUTO_TEST_CASE(invalid_utf8) { refuses("{\"name\":\"caf\xe9\",\"actions\":[]}", {"UTF-8"}); }

BOOST_AUTO_TEST_CASE(negative_wait) {
  refuses_actions(R"({"key":"a","type":"wait","input":{"seconds":-1}})",
                  {"/actions/0/input/seconds", "negative"});
}

BOOST_AUTO_TEST_CASE(an_id_with_a_path) {
  refuses(R"({"id":"../../etc/passwd","name":"n","actions":[{"key":"a","type":"noop"}]})", {"/id"});
}

BOOST_AUTO_TEST_CASE(not_json_at_all) { refuses("hello", {"line 1, column 1", "syntax error"}); }

BOOST_AUTO_TEST_CASE(a_faulty_trace) {
  refuses(R"({"name":"t","schemaVersion":"1.5","workflow":{"specification":{"tasks":[
            {"id":"x","name":"x","parents":["gone"],"children":[]}]},
            "execution":{"tasks":[{"id":"x","runtimeInSeconds":1}]}}})",
          {"gone"});
}

BOOST_AUTO_TEST_CASE(numbers_out_of_range) {
  const auto spec = file("good.json", good);
  const auto refused = [&](e2e::arguments args, const std::string& range) {
    const auto got = tenax(args);
    const auto told = args[args.size() - 2] + ": must be a whole number in " + range + ", it is " +
                      args.back() + " ";
    BOOST_TEST(got.exit_code == 2, told);
    BOOST_TEST(contains(got.err, told), told << " not in: " << got.err);
  };
  for (const auto* number : {"-1", "1.5", "x", "", "18446744073709551616", "0x10"}) {
    for (const auto& [option, range] : {std::pair{"--seed", "0..18446744073709551615"},
                                        {"--max-attempts", "1..100"},
                                        {"--min-wait-ms", "0..315619200000"},
                                        {"--max-wait-ms", "0..315619200000"},
                                        {"--repeat", "1..10000000"},
                                        {"--exec-timeout-ms", "1..315619200000"},
                                        {"--handler-threads", "0..4096"}})
      refused({"run", spec, option, number}, range);
    refused({"list", "--limit", number}, "1..1000000000");
    refused({"history", "x", "--limit", number}, "1..1000000000");
    refused({"history", "x", "--after", number}, "0..1000000000");
  }
  refused({"list", "--limit", "0"}, "1..1000000000");
  refused({"run", spec, "--exec-timeout-ms", "0"}, "1..315619200000");
  refused({"run", spec, "--repeat", "10000001"}, "1..10000000");
  BOOST_TEST(!std::filesystem::exists(data()));
}

BOOST_AUTO_TEST_CASE(a_data_directory_with_an_empty_path) {
  for (const e2e::arguments& args :
       {e2e::arguments{"run", file("good.json", good)}, {"list"}, {"verify"}}) {
    e2e::arguments line{TENAX_PROGRAM, "--data-dir", ""};
    line.insert(line.end(), args.begin(), args.end());
    const auto got = e2e::run(line);
    BOOST_TEST(got.exit_code == 2, args[0]);
    BOOST_TEST(contains(got.err, "--data-dir: the path is empty"), got.err);
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there) {
  const auto got = tenax({"run", file("good.json", good), path("absent.json")});
  BOOST_TEST(got.exit_code == 2);
  BOOST_TEST(contains(got.err, path("absent.json")));
  BOOST_TEST(!std::filesystem::exists(data()));
}

BOOST_AUTO_TEST_CASE(an_id_that_exists_with_other_content) {
  store_something();
  const auto other =
      file("other.json", R"({"id":"good","name":"good","actions":[{"key":"b","type":"noop"}]})");
  const auto fresh =
      file("fresh.json", R"({"name":"fresh","actions":[{"key":"a","type":"noop"}]})");
  const auto got = tenax({"run", fresh, other});
  BOOST_TEST(got.exit_code == 2, got.out << got.err);
  BOOST_TEST(contains(got.err, "good"));
  BOOST_TEST(contains(got.err, "conflict"));
  BOOST_TEST(workflows().size() == 1u);  // the new one of the same command was not stored either
}

BOOST_AUTO_TEST_CASE(a_data_directory_of_a_newer_format) {
  store_something();
  {
    auto store = tenax::storage::open_store(data(), {});
    BOOST_REQUIRE(store);
    tenax::storage::write_batch batch;
    std::string value;
    tenax::storage::records::encode_number(tenax::storage::format_version + 1, value);
    batch.put(tenax::storage::keys::meta(tenax::storage::meta_names::format), value);
    const auto written = (*store)->write((*store)->epoch(), {&batch});
    BOOST_REQUIRE(written);
  }
  const auto spec = file("more.json", R"({"name":"n","actions":[{"key":"a","type":"noop"}]})");
  for (const e2e::arguments& args :
       {e2e::arguments{"run", spec}, {"list"}, {"verify"}, {"export"}, {"cancel", "good"}}) {
    const auto got = tenax(args);
    BOOST_TEST(got.exit_code == 3, args[0] << ": " << got.err);
    BOOST_TEST(contains(got.err, data()), got.err);
    BOOST_TEST(contains(got.err, "format"), got.err);
  }
  std::filesystem::remove_all(data());  // what is left is no directory that verify could read
}

BOOST_AUTO_TEST_CASE(a_data_directory_in_use_by_another_process) {
  const auto spec = file("long.json", R"({"id":"long","name":"long","actions":[
      {"key":"a","type":"wait","input":{"seconds":3600}}]})");
  e2e::process running(command({"run", spec}));
  BOOST_REQUIRE(running.wait_for("long: started", seconds{30}));
  const auto got = tenax({"run", file("good.json", good)});
  BOOST_TEST(got.exit_code == 3);
  BOOST_TEST(contains(got.err, data()), got.err);
  BOOST_TEST(contains(got.err, "process " + std::to_string(running.pid())), got.err);
  const auto machine = tenax_json({"run", file("good.json", good)}, 3);
  BOOST_TEST(machine["error"]["code"] == "data_dir_locked");
  running.send(SIGTERM);
  BOOST_TEST(running.wait().exit_code == 130);
  BOOST_TEST(workflows().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_data_directory_in_use_by_another_name_or_from_another_container) {
  if (!e2e::can_mount()) return;
  const auto spec = file("long.json", R"({"id":"long","name":"long","actions":[
      {"key":"a","type":"wait","input":{"seconds":3600}}]})");
  e2e::process running(command({"run", spec}));
  BOOST_REQUIRE(running.wait_for("long: started", seconds{30}));
  std::filesystem::create_directory(path("mounted"));
  const auto by_mount =
      in_mount_namespace("mount --bind \"$1\" \"$2\"; exec \"$3\" run \"$4\" --data-dir \"$2\"",
                         {data(), path("mounted"), TENAX_PROGRAM, file("good.json", good)});
  BOOST_TEST(by_mount.exit_code == 3, by_mount.out << by_mount.err);
  BOOST_TEST(contains(by_mount.err, "process " + std::to_string(running.pid())), by_mount.err);
  // There the numbers of processes mean something else: none is named.
  const auto elsewhere = e2e::run({"unshare", "-p", "-f", "--mount-proc", TENAX_PROGRAM, "run",
                                   file("good.json", good), "--data-dir", data()});
  BOOST_TEST(elsewhere.exit_code == 3, elsewhere.out << elsewhere.err);
  BOOST_TEST(contains(elsewhere.err, "cannot be named from here"), elsewhere.err);
  running.send(SIGTERM);
  BOOST_TEST(running.wait().exit_code == 130);
  BOOST_TEST(workflows().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_data_directory_that_others_may_write_to) {
  std::filesystem::create_directory(data());
  std::filesystem::permissions(data(), std::filesystem::perms(0777));
  const auto got = tenax({"run", file("good.json", good)});
  BOOST_TEST(got.exit_code == 3);
  BOOST_TEST(contains(got.err, "chmod go-w " + data()), got.err);
  std::filesystem::remove_all(data());  // what is left is no directory that verify could read
}

BOOST_AUTO_TEST_CASE(a_data_directory_that_cannot_be_made) {
  const auto got =
      e2e::run({TENAX_PROGRAM, "run", file("good.json", good), "--data-dir", "/proc/tenax-data"});
  BOOST_TEST(got.exit_code == 3);
  BOOST_TEST(contains(got.err, "/proc/tenax-data"), got.err);
}

BOOST_AUTO_TEST_CASE(a_data_directory_full_of_other_things) {
  std::filesystem::create_directory(path("mine"));
  const auto got =
      e2e::run({TENAX_PROGRAM, "run", file("good.json", good), "--data-dir", path("mine/../mine")});
  BOOST_TEST(got.exit_code == 0);  // an empty one is fine
  std::filesystem::remove_all(path("mine"));
  std::filesystem::create_directory(path("mine"));
  (void)file("mine/thesis.txt", "do not touch");
  const auto refused =
      e2e::run({TENAX_PROGRAM, "run", file("good.json", good), "--data-dir", path("mine")});
  BOOST_TEST(refused.exit_code == 3);
  BOOST_TEST(contains(refused.err, path("mine")), refused.err);
}

BOOST_AUTO_TEST_CASE(a_read_only_disk) {
  if (!e2e::can_mount()) return;
  store_something();
  const auto spec = file("more.json", R"({"name":"n","actions":[{"key":"a","type":"noop"}]})");
  const auto got = in_mount_namespace(
      "mount --bind \"$1\" \"$1\"; mount -o remount,bind,ro \"$1\";"
      "\"$2\" list --data-dir \"$1\" || exit 90;"  // reading needs no writing
      "exec \"$2\" run \"$3\" --data-dir \"$1\"",
      {data(), TENAX_PROGRAM, spec});
  BOOST_TEST(got.exit_code == 3, got.out << got.err);
  BOOST_TEST(contains(got.err, data()), got.err);
  BOOST_TEST(contains(got.err, "read-only"), got.err);
  BOOST_TEST(workflows().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_full_disk_from_the_start) {
  if (!e2e::can_mount()) return;
  std::filesystem::create_directory(path("disk"));
  const auto got = in_mount_namespace(
      "mount -t tmpfs -o size=1m tmpfs \"$1\"; dd if=/dev/zero of=\"$1/fill\" 2>&- || true;"
      "exec \"$2\" run \"$3\" --data-dir \"$1/data\"",
      {path("disk"), TENAX_PROGRAM, file("good.json", good)});
  BOOST_TEST(got.exit_code == 3, got.out << got.err);
  BOOST_TEST(contains(got.err, path("disk/data")), got.err);
  BOOST_TEST((contains(got.err, "No space") || contains(got.err, "no space")), got.err);
}

BOOST_AUTO_TEST_CASE(a_disk_that_fills_up_on_the_way) {
  if (!e2e::can_mount()) return;
  std::filesystem::create_directory(path("disk"));
  const auto spec = file("many.json", R"({"name":"many","actions":[{"key":"a","type":"noop",
      "input":")" + std::string(2'000, 'x') +
                                          R"("}]})");
  // Full, then more room: the run fails, and the next one goes on with what was acknowledged.
  const auto report = path("report.json");
  const auto got = in_mount_namespace(
      "mount -t tmpfs -o size=2m tmpfs \"$1\"; rc=0;"
      "\"$2\" run \"$3\" --repeat 2000 --data-dir \"$1/data\" --output json > \"$4\" || rc=$?;"
      "test $rc -eq 3 || exit 91;"
      "mount -o remount,size=64m \"$1\";"
      "\"$2\" verify --data-dir \"$1/data\" || exit 92;"
      "\"$2\" run \"$3\" --repeat 2000 --data-dir \"$1/data\" || exit 93;"
      "exec \"$2\" verify --data-dir \"$1/data\"",
      {path("disk"), TENAX_PROGRAM, spec, report});
  BOOST_TEST(got.exit_code == 0, got.exit_code << ": " << got.out << got.err);
  BOOST_TEST((contains(got.err, "No space") || contains(got.err, "no space")), got.err);
  BOOST_TEST(contains(got.out, "2,000 workflows: 2,000 completed"), got.out);
  const auto told = e2e::json::parse(std::ifstream{report}, nullptr, false);
  BOOST_REQUIRE(told.is_object());
  const auto failed = told["error"].value("workflow", "");  // "": it was not a submit that failed
  for (const auto& w : told["workflows"])
    if (w["id"] == failed) BOOST_TEST(w["status"] == "unknown");
}

BOOST_AUTO_TEST_SUITE_END()
