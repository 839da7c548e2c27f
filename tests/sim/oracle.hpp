// oracle.hpp - what an outsider knows about one engine: what was submitted and cancelled and how
// that was answered, which handlers ran, what the store has shown. It compares that with what the
// store shows now. Invariant numbers: docs/guarantees.md. Depends on the driver. One thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "testing/driver.hpp"
#include "tests/sim/workload.hpp"

namespace tenax::sim {

/// Nobody knows, until the engine is opened again, how a command ended that was not answered.
enum class known : std::uint8_t { no, maybe, yes };

struct ledger_entry {
  workflow_spec spec;
  known exists = known::no;
  std::uint32_t submits_in_flight = 0;
  bool submit_unknown = false;
  std::uint32_t cancels_in_flight = 0;
  bool cancel_unknown = false;
  bool cancel_acked = false;

  // What the store has shown last.
  struct action_seen {
    model::phase phase = model::phase::blocked;
    std::uint32_t attempt = 0;
    std::uint32_t retries = 0;
    std::optional<std::string> result;
    std::uint64_t input_seq = 0;
    std::uint64_t policy_seq = 0;
  };
  std::uint64_t seq = 0;
  workflow_status status = workflow_status::pending;
  std::vector<action_seen> actions;
  bool finished_told = false;
  bool retried = false;  ///< somebody asked: it may go on after it has failed
};

/// One start of a handler.
struct handler_start {
  std::string_view workflow_id;
  std::string_view key;
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
};

class oracle {
 public:
  oracle(const workload& work, testing::driver& engine) : work_(work), engine_(engine) {}

  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  /// The first one counts.
  void fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
  }

  // --- commands ---
  ledger_entry& entry(const std::string& id) { return ledger_[id]; }
  [[nodiscard]] const std::map<std::string, ledger_entry>& ledger() const noexcept {
    return ledger_;
  }
  void submitting(const workflow_spec& spec);
  void submitted(const std::string& id, const result<submission>& r);
  void conflicting_submitted(const std::string& id, const result<submission>& r);
  void retrying(const std::string& id) { ledger_[id].retried = true; }
  void changed(const std::string& id, const std::string& key, const action_change& what,
               const result<void>& r);
  void cancelling(const std::string& id) { ++ledger_[id].cancels_in_flight; }
  /// `was_there`: when it was asked.
  void cancelled(const std::string& id, const result<void>& r, bool was_there);
  void finished(const workflow_summary& s);

  // --- handlers ---
  void started(const handler_start& s);
  void ended(const action_context& call);
  /// A worker was told of a task: its attempt is open for good, and nobody else was. Returns the
  /// position of that in the history.
  std::uint64_t told(const worker_task& t);
  /// Of this life: no attempt that was opened for a worker ended as one that nobody was heard of,
  /// though nobody had been told of it.
  void check_told();
  /// Whoever has the attempt defers it, or gives it back.
  void deferring(const std::string& id, const std::string& key, std::uint32_t attempt) {
    deferred_.insert({id, key, attempt, 0});
  }
  void wall_stepped_back() { stepped_back_ = true; }
  /// From now on timers that come due are not late, whatever is overdue, where nothing else holds
  /// them up. Time passes only when nothing else is left to do.
  void expect_punctual(bool yes, model::time_ms since_ms) {
    punctual_since_ms_ = yes ? since_ms : 0;
  }

  // --- lives ---
  /// After each open: what was in flight is known now.
  void reopened();

  // --- what the store shows ---
  /// Looks at one workflow: nothing may have gone back.
  void observe(const std::string& id);
  /// What has not ended, in words.
  [[nodiscard]] std::string open_work() const;
  /// Looks at everything, replays everything.
  void check_all();

 private:
  [[nodiscard]] std::optional<storage::read_store::header> header_of(const std::string& id) const;
  void check_start(const handler_start& s, const storage::loaded_workflow& w,
                   model::action_index a);
  void check_overlap(const handler_start& s);
  void observe_action(const std::string& id, ledger_entry& e, const storage::loaded_workflow& w,
                      model::action_index a);

  const workload& work_;
  testing::driver& engine_;
  std::string failure_;
  model::time_ms punctual_since_ms_ = 0;  ///< 0: timers may be late
  std::map<std::string, ledger_entry> ledger_;
  using attempt_key = std::tuple<std::string, std::string, std::uint32_t, std::uint32_t>;
  /// The spec's action, as it was when the attempt began.
  [[nodiscard]] action_spec as_begun(const attempt_key& call, const action_spec& submitted) const;
  [[nodiscard]] std::string input_at(const std::string& id, model::action_index a,
                                     std::uint64_t before) const;
  std::map<attempt_key, std::string> begun_with_;  ///< an input that was changed before
  std::set<attempt_key> started_ever_;
  std::set<attempt_key> started_in_this_life_;
  std::set<std::string> told_tokens_;
  std::map<std::string, std::uint64_t> seq_at_open_;
  std::set<attempt_key> told_, deferred_;  ///< without deferrals
  bool stepped_back_ = false;
};

}  // namespace tenax::sim
