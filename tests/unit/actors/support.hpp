// support.hpp - the fixture of the engine's unit tests: a virtual engine whose handlers are written
// down, and whose store must be in order when the test ends.
#pragma once

#include <boost/test/unit_test.hpp>
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenax/testing/virtual_engine.hpp"
#include "testing/driver.hpp"
#include "testing/memory_disk.hpp"

namespace tenax {

// For Boost's messages.
inline std::ostream& operator<<(std::ostream& out, workflow_status s) {
  return out << to_string(s);
}
inline std::ostream& operator<<(std::ostream& out, action_status s) { return out << to_string(s); }
inline std::ostream& operator<<(std::ostream& out, waiting_for w) { return out << to_string(w); }
inline std::ostream& operator<<(std::ostream& out, errc c) { return out << to_string(c); }
inline std::ostream& operator<<(std::ostream& out, error_class c) {
  return out << "class " << static_cast<int>(c);
}

namespace testing {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// The value; a test that gets an error instead has failed.
template <class T>
T must(result<T> r) {
  if (!r) throw std::runtime_error(r.error().to_string());
  return std::move(*r);
}
inline void must(result<void> r) {
  if (!r) throw std::runtime_error(r.error().to_string());
}
/// The code of an error; fails if there is none.
template <class T>
errc code_of(const result<T>& r) {
  if (r) throw std::runtime_error("an error was expected");
  return r.error().code();
}

/// The name of the error's code; "" if there is none.
template <class T>
std::string told(const result<T>& r) {
  return r ? "" : std::string(to_string(r.error().code()));
}

/// One call of a handler.
struct handled {
  std::string workflow_id;
  std::string key;
  std::string input;
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
  wall_time began{};
  bool stop_requested = false;
};

class engine_fixture {
 public:
  using script = std::function<outcome(const action_context&)>;

  /// Adds an action type whose calls are written down.
  void handle(const std::string& type, script what, action_options how = {}) {
    opts.handlers.add(
        type,
        [this, what = std::move(what)](const action_context& c) {
          calls.push_back({std::string(c.workflow_id), std::string(c.action_key),
                           std::string(c.input), c.attempt, c.deferrals, c.now,
                           c.stop.stop_requested()});
          return what(c);
        },
        std::move(how));
  }
  void handle_ok(const std::string& type, action_options how = {}) {
    handle(
        type, [](const action_context&) { return outcome::success(); }, std::move(how));
  }
  void handle_failing(const std::string& type, action_options how = {}) {
    handle(
        type, [](const action_context&) { return outcome::failure("broken", "no luck"); },
        std::move(how));
  }

  engine_fixture() {
    opts.log = [](log_level, std::string_view) {};
  }
  virtual_engine& open() { return engine.emplace(must(virtual_engine::open(opts, how))); }
  /// For tests that choose each step: which message, when to commit.
  driver& open_stepped() {
    stepped.reset();  // before the disk that it is on
    stepped_disk = make_memory_disk();
    driver_setup setup;
    setup.dir = "/stepped";
    setup.env = stepped_disk.get();
    setup.options = opts;
    setup.slow_rendering = slow_rendering;
    must(stepped.emplace(std::move(setup)).open());
    return *stepped;
  }

  /// Counts what actors read of workflows from now on. For open_stepped.
  void count_reads() {
    reads = 0;
    stepped->control.read_fails = [this](std::uint64_t, read_of what) {
      reads += what == read_of::workflow ? 1 : 0;
      return false;
    };
  }

  /// One action "a" of this type.
  static workflow_spec one(const std::string& id, const std::string& type,
                           std::string input = "null") {
    return workflow_builder("test").id(id).action("a", type, std::move(input));
  }
  void submit(const workflow_spec& spec) { (void)must(engine->submit(spec)); }

  [[nodiscard]] action_view action(std::string_view id, std::string_view key = "a") const {
    for (auto& a : must(engine->get(id)).actions) {
      if (a.key == key) return a;
    }
    throw std::runtime_error("no such action");
  }
  [[nodiscard]] workflow_status status(std::string_view id) const {
    return must(engine->summary(id)).status;
  }
  [[nodiscard]] std::vector<history_event> events(std::string_view id,
                                                  std::string_view kind = {}) const {
    auto all = must(engine->history(id, 0, 100'000));
    if (!kind.empty()) std::erase_if(all, [&](const auto& e) { return e.kind != kind; });
    return all;
  }
  [[nodiscard]] std::vector<std::string> kinds(std::string_view id) const {
    std::vector<std::string> out;
    for (const auto& e : events(id)) out.push_back(e.kind);
    return out;
  }
  /// When the handler of this action was called.
  [[nodiscard]] std::vector<wall_time> starts(std::string_view id,
                                              std::string_view key = "a") const {
    std::vector<wall_time> out;
    for (const auto& c : calls) {
      if (c.workflow_id == id && c.key == key) out.push_back(c.began);
    }
    return out;
  }
  /// The keys in the order of their calls.
  [[nodiscard]] std::vector<std::string> order() const {
    std::vector<std::string> out;
    for (const auto& c : calls) out.push_back(c.key);
    return out;
  }
  [[nodiscard]] std::string findings() const {
    std::string out;
    const auto report = must(engine->verify());
    for (const auto& f : report.findings) out += f.invariant + " " + f.where + ": " + f.what + "\n";
    return out;
  }

  /// Boost calls this after the test.
  void teardown() {
    if (!engine) return;
    if (engine->stats().epoch == 0 || !engine->healthy()) must(engine->reopen());
    BOOST_TEST(findings() == "");
    must(engine->crash_and_reopen());
    BOOST_TEST(findings() == "");
  }

  options opts;
  bool slow_rendering = false;  ///< of open_stepped: making an input is a step of its own
  virtual_options how;
  std::vector<handled> calls;
  std::size_t reads = 0;  ///< see count_reads
  std::optional<virtual_engine> engine;
  std::shared_ptr<void> stepped_disk;
  std::optional<driver> stepped;
};

}  // namespace testing
}  // namespace tenax
