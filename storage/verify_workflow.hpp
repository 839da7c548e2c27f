// verify_workflow.hpp - checks the rows of one workflow, in key order. For verify.cpp only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/keys.hpp"
#include "storage/records.hpp"
#include "storage/rows.hpp"
#include "tenax/engine.hpp"

namespace tenax::storage {

/// Collects findings: keeps the first 1,000, counts all.
class finding_list {
 public:
  explicit finding_list(verify_report& report) : report_(report) {}
  void add(std::string_view invariant, std::string_view where, std::string what) {
    ++report_.findings_total;
    if (report_.findings.size() >= kept_max) return;
    report_.findings.push_back({std::string(invariant), std::string(where), std::move(what)});
  }
  static constexpr std::size_t kept_max = 1'000;

 private:
  verify_report& report_;
};

/// What one workflow must have in the indexes.
struct expected_rows {
  std::optional<list_entry> listed;  ///< nothing when its state cannot be read
  bool name_known = false;
  std::vector<due_entry> due;
  std::vector<std::string> index_keys;
};
/// `actions` are those of actions `first` and on.
void add_expected_due(std::string_view id, model::action_index first,
                      const std::vector<model::action_state>& actions, std::vector<due_entry>& out);
[[nodiscard]] std::optional<due_entry> expected_deadline(std::string_view id,
                                                         const model::workflow_state& state);
/// The keys that it must have in the indexes N (if that is kept), Q and R, of which none has a
/// value.
[[nodiscard]] std::vector<std::string> index_keys(std::string_view id,
                                                  const model::workflow_state& state,
                                                  std::string_view reference, bool keeps_ends);

class workflow_check {
 public:
  workflow_check(std::string id, finding_list& findings)
      : id_(std::move(id)), findings_(findings) {}

  /// Rows in key order.
  void row(const keys::workflow_key& at, std::string_view key, std::string_view value);
  /// After the last row: compares the replayed state with the stored one.
  expected_rows finish(bool keeps_ends);

  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] std::uint64_t events() const noexcept { return events_; }

 private:
  void found(std::string_view invariant, std::string what) {
    findings_.add(invariant, id_, std::move(what));
  }
  void on_definition(std::string_view key, std::string_view value);
  void on_history(std::uint64_t first_seq, std::string_view key, std::string_view value);
  void on_event(std::uint64_t seq, const model::event& e);
  /// False: the event cannot be replayed, and it has been reported why.
  bool check_event(const std::string& at, const model::event& e);
  void check_start(const std::string& at, const model::event& e);
  void check_retry(const std::string& at, const model::event& e);
  void count_attempt(const std::string& at, const model::event& e);
  void compare_states();
  void compare_encoding();

  std::string id_;
  finding_list& findings_;
  std::optional<records::state_record> stored_;
  bool any_row_ = false;
  model::definition_ptr definition_;

  // The replay; off after an event that does not fit.
  bool replaying_ = false;
  model::workflow_state replayed_;
  /// What I5 allows an action: all since its start, or since the last decision about it.
  struct budget {
    std::uint32_t attempts = 0;       ///< started
    std::uint32_t interruptions = 0;  ///< recorded: crashes and closes
    std::uint32_t allowed = 1;        ///< max_attempts of the last retry; without one: one attempt
    bool failed = false;              ///< the attempt before has failed, and no retry was scheduled
  };
  std::vector<budget> budgets_;
  model::change_set changes_;
  std::uint64_t next_seq_ = 1;
  time_ms last_at_ms_ = 0;
  bool over_ = false;
  std::uint64_t events_ = 0;
  std::vector<read_store::stored_event> row_events_;
};

}  // namespace tenax::storage
