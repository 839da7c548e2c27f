#include "node/run_tracker.hpp"

#include <utility>

namespace tenax::node {

namespace {

/// With more workflows than this, lines about single ones would bury the rest.
constexpr std::size_t news_max = 20;

bool needs_decision(const action_counts& a) noexcept {
  return a.in_doubt > 0 && a.ready == 0 && a.running == 0 && a.timer == 0 && a.backing_off == 0 &&
         a.outside == 0;
}

/// Adds or takes away.
template <class Number>
void count_in(Number& sum, std::uint64_t n, bool in) noexcept {
  sum = static_cast<Number>(in ? sum + n : sum - n);
}

}  // namespace

run_tracker::run_tracker(const plan& p) : size_(p.workflows.size()) {
  entries_.reserve(size_);  // by_id_ points into it
  for (const auto& w : p.workflows) {
    auto& t = entries_.emplace_back();
    t.id = w.id;
    t.spec = w.spec;
    t.actions.total = static_cast<std::uint32_t>(p.specs[w.spec].actions.size());
    by_id_.emplace(t.id, entries_.size() - 1);
    count(t, true);
  }
  totals_.workflows = size_;
}

void run_tracker::asked(std::size_t i) {
  const std::lock_guard lock(mutex_);
  entries_[i].unknown = true;
}

void run_tracker::not_submitted(std::size_t i, const error& why) {
  const std::lock_guard lock(mutex_);
  entries_[i].unknown = why.kind() == error_class::unknown;
}

void run_tracker::submitted(std::size_t i, bool existed) {
  const std::lock_guard lock(mutex_);
  auto& t = entries_[i];
  t.unknown = false;
  totals_.submitted += t.submitted ? 0 : 1;
  t.submitted = true;
  t.existed = existed;
  // An existing one is told of once its state has been read; a quick one may be over already.
  if (!existed && !t.over()) add_news(run_news::kind::started, t);
}

bool run_tracker::update(const workflow_summary& w) {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(w.id);
  if (found == by_id_.end()) return false;
  auto& t = entries_[found->second];
  if (t.over()) return false;
  const bool first_look = t.existed && t.submitted_at == wall_time{};
  const bool was_stuck = t.stuck;
  count(t, false);
  t.status = w.status;
  t.actions = w.actions;
  t.submitted_at = w.submitted_at;
  t.closed_at = w.closed_at;
  t.failed_action = w.failed_action;
  t.reason = w.reason;
  t.stuck = !t.over() && needs_decision(t.actions);
  count(t, true);
  if (t.over()) {
    add_news(run_news::kind::ended, t);
    return totals_.over() == size_;
  }
  if (first_look) add_news(run_news::kind::continued, t);
  if (t.actions.backing_off > 0 && !std::exchange(t.retried, true))
    add_news(run_news::kind::first_retry, t);
  if (t.stuck && !was_stuck) add_news(run_news::kind::stuck, t);
  return false;
}

void run_tracker::count(const tracked& t, bool in) {
  count_in(totals_.completed, t.status == workflow_status::completed ? 1 : 0, in);
  count_in(totals_.failed, t.status == workflow_status::failed ? 1 : 0, in);
  count_in(totals_.cancelled, t.status == workflow_status::cancelled ? 1 : 0, in);
  count_in(totals_.stuck, t.stuck ? 1 : 0, in);
  auto& a = totals_.actions;
  count_in(a.total, t.actions.total, in);
  count_in(a.done, std::uint64_t{t.actions.completed} + t.actions.skipped, in);
  count_in(a.running, t.actions.running, in);
  count_in(a.timer, t.actions.timer, in);
  count_in(a.backing_off, t.actions.backing_off, in);
  count_in(a.in_doubt, t.actions.in_doubt, in);
}

std::vector<std::size_t> run_tracker::open_from(std::size_t& from, std::size_t most) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::size_t> out;
  for (std::size_t seen = 0; seen < size_ && out.size() < most; ++seen) {
    if (from >= size_) from = 0;
    const auto& t = entries_[from];
    if (t.submitted && !t.over()) out.push_back(from);
    ++from;
  }
  return out;
}

run_totals run_tracker::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

std::vector<tracked> run_tracker::all() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

std::vector<run_news> run_tracker::take_news() {
  const std::lock_guard lock(mutex_);
  return std::exchange(news_, {});
}

void run_tracker::add_news(run_news::kind what, const tracked& t) {
  if (size_ > news_max) {
    const bool bad = what == run_news::kind::stuck ||
                     (what == run_news::kind::ended && t.status != workflow_status::completed);
    if (!bad || failures_told_++ >= news_max) return;
  }
  news_.push_back({what, t});
}

}  // namespace tenax::node
