// Real workflow traces (WfInstances), all in one command, with failures, and with kill -9 on the
// way: every one completes, and no task starts before its parents are done.
#include "tests/e2e/program.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <system_error>

using e2e::json;
using e2e::world;
using std::chrono::milliseconds;
using std::chrono::minutes;

namespace {

e2e::arguments trace_files() {
  e2e::arguments out;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(TENAX_TRACES_DIR, ec))
    if (entry.path().extension() == ".json") out.push_back(entry.path().string());
  std::sort(out.begin(), out.end());
  if (out.empty())
    BOOST_TEST_MESSAGE("SKIPPED: the trace tests (there are no traces in " TENAX_TRACES_DIR ")");
  return out;
}

struct traces_world : world {
  /// While another process makes and deletes files there.
  [[nodiscard]] std::uintmax_t database_bytes() const {
    std::uintmax_t sum = 0;
    std::error_code gone;
    for (const auto& file : std::filesystem::directory_iterator(data() + "/db", gone)) {
      const auto bytes = file.file_size(gone);
      if (!gone) sum += bytes;
    }
    return sum;
  }
  [[nodiscard]] e2e::arguments run_all(const e2e::arguments& files) const {
    e2e::arguments args{"run"};
    args.insert(args.end(), files.begin(), files.end());
    args.insert(args.end(),
                {"--time-scale", "0.001", "--fail-rate", "0.1", "--seed", "7", "--max-attempts",
                 "10", "--min-wait-ms", "100", "--max-wait-ms", "1000"});
    return args;
  }

  /// Checks every workflow against its history, by the order of events, not by times.
  void check_all(std::size_t expected) const {
    std::map<std::string, std::map<std::string, std::vector<std::string>>> parents;
    std::map<std::string, std::set<std::string>> done;
    std::size_t started = 0;
    std::size_t retried = 0;
    for (const auto& line : exported()) {
      if (line["type"] == "workflow") {
        const auto id = line["workflow"].get<std::string>();
        BOOST_TEST(line["status"] == "completed", id);
        for (const auto& a : line["spec"]["actions"])
          parents[id][a["key"].get<std::string>()] =
              a.value("depends_on", std::vector<std::string>());
        continue;
      }
      if (line["type"] != "event") continue;
      const auto id = line["workflow"].get<std::string>();
      const auto kind = line["kind"].get<std::string>();
      const auto key = line.value("action", "");
      retried += kind == "retry_scheduled" ? 1 : 0;
      if (kind == "action_completed") BOOST_TEST(done[id].insert(key).second, id << " " << key);
      if (kind != "attempt_started") continue;
      ++started;
      for (const auto& parent : parents.at(id).at(key))
        if (!done[id].contains(parent))
          BOOST_ERROR(id << ": " << key << " started before " << parent << " was completed");
    }
    BOOST_TEST(parents.size() == expected);
    BOOST_TEST(retried > 0u);
    std::size_t actions = 0;
    for (const auto& [id, keys] : parents) {
      actions += keys.size();
      BOOST_TEST(done[id].size() == keys.size(), id);
    }
    BOOST_TEST(started >= actions);
    BOOST_TEST_MESSAGE("traces: " << parents.size() << " workflows, " << actions << " actions, "
                                  << retried << " retries");
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(traces, traces_world)

BOOST_AUTO_TEST_CASE(all_complete_in_one_command_with_failures) {
  const auto files = trace_files();
  if (files.empty()) return;
  const auto got = e2e::run(command(run_all(files)), minutes{5});
  BOOST_TEST(got.exit_code == 0, got.out << got.err);
  check_all(files.size());
  const auto lines = tenax({"export"}).out;
  BOOST_TEST(other({"import", file("all.jsonl", lines)}).exit_code == 0);
  BOOST_TEST((other({"export"}).out == lines));
  BOOST_TEST(other({"verify"}).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(all_complete_with_ten_kills_on_the_way) {
  const auto files = trace_files();
  if (files.empty()) return;
  const char* given = std::getenv("TENAX_TEST_SEED");
  const auto seed = given != nullptr ? std::strtoul(given, nullptr, 10) : std::random_device{}();
  BOOST_TEST_MESSAGE("seed " << seed << " (TENAX_TEST_SEED repeats the plan)");
  std::mt19937_64 random{seed};
  const auto line = command(run_all(files));

  int kills = 0;
  for (int life = 0; life < 10; ++life) {
    e2e::process running(line);
    // Killed after so many bytes more in its database, or when that takes too long. The longest
    // chain of the traces takes 6 s: ten lives of at most 0.25 s end before it does.
    const auto enough = database_bytes() + random() % 60'000;
    e2e::eventually([&] { return database_bytes() >= enough; }, milliseconds{250}, milliseconds{1});
    running.send(SIGKILL);
    if (running.wait().signal == SIGKILL) ++kills;
    if (!std::filesystem::exists(data())) continue;  // killed before it was made
    if (const auto verified = tenax({"verify"});
        verified.exit_code != 0 && std::filesystem::exists(data() + "/db/CURRENT"))
      BOOST_ERROR("after kill " << life << ": " << verified.out << verified.err);
  }
  BOOST_TEST(kills == 10);
  const auto got = e2e::run(line, minutes{5});
  BOOST_TEST(got.exit_code == 0, "seed " << seed << ": " << got.out << got.err);
  check_all(files.size());
}

BOOST_AUTO_TEST_SUITE_END()
