// run_tracker.hpp - what `tenax run` knows of the workflows that it waits for.
// Depends on include/tenax and node/. Thread safe: the engine's threads report ends, the main
// thread the rest.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "node/spec_files.hpp"
#include "tenax/view.hpp"

namespace tenax::node {

struct tracked {
  std::string id;
  std::size_t spec = 0;  ///< index into plan::specs
  bool submitted = false;
  bool unknown = false;  ///< not submitted as far as we know: no answer, or one that leaves it open
  bool existed = false;  ///< from an earlier run
  bool stuck = false;    ///< only a decision can bring it on
  bool retried = false;  ///< has been seen in back-off
  workflow_status status = workflow_status::pending;
  action_counts actions;
  wall_time submitted_at{};
  std::optional<wall_time> closed_at;
  std::string failed_action;
  std::string reason;
  [[nodiscard]] bool over() const noexcept { return is_terminal(status); }
};

/// Actions of all workflows together, as last seen.
struct action_totals {
  std::uint64_t total = 0;
  std::uint64_t done = 0;  ///< completed or skipped
  std::uint64_t running = 0;
  std::uint64_t timer = 0;
  std::uint64_t backing_off = 0;
  std::uint64_t in_doubt = 0;
  bool operator==(const action_totals&) const = default;
};

struct run_totals {
  std::size_t workflows = 0;
  std::size_t submitted = 0;
  std::size_t completed = 0;
  std::size_t failed = 0;
  std::size_t cancelled = 0;
  std::size_t stuck = 0;
  action_totals actions;
  [[nodiscard]] std::size_t over() const noexcept { return completed + failed + cancelled; }
  bool operator==(const run_totals&) const = default;
};

/// Something worth a line, in the order in which it was noticed.
struct run_news {
  enum class kind : std::uint8_t { started, continued, first_retry, stuck, ended };
  kind what{};
  tracked workflow;  ///< as it was then
};

class run_tracker {
 public:
  explicit run_tracker(const plan& p);

  /// Before a submit: until its answer it is unknown whether it happened.
  void asked(std::size_t i);
  /// From the submit callback.
  void submitted(std::size_t i, bool existed);
  void not_submitted(std::size_t i, const error& why);
  /// Takes what was read or reported. Ignores workflows of others, and anything after the end.
  /// True when this was the end of the last one.
  bool update(const workflow_summary& w);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Takes no lock: which ids there are does not change.
  [[nodiscard]] bool waits_for(std::string_view id) const { return by_id_.contains(id); }
  [[nodiscard]] const std::string& id(std::size_t i) const { return entries_[i].id; }
  /// Of every submitted workflow that is not over, up to `most` at or after `from` (round robin).
  [[nodiscard]] std::vector<std::size_t> open_from(std::size_t& from, std::size_t most) const;
  [[nodiscard]] run_totals totals() const;
  [[nodiscard]] std::vector<tracked> all() const;
  [[nodiscard]] std::vector<run_news> take_news();

 private:
  void add_news(run_news::kind what, const tracked& t);
  void count(const tracked& t, bool in);

  mutable std::mutex mutex_;
  std::size_t size_ = 0;
  std::vector<tracked> entries_;
  std::unordered_map<std::string_view, std::size_t> by_id_;  ///< views into entries_
  run_totals totals_;  ///< kept up to date: it is asked for much more often than entries change
  std::vector<run_news> news_;
  std::size_t failures_told_ = 0;
};

}  // namespace tenax::node
