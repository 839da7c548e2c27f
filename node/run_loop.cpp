#include "node/run_loop.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace tenax::node {

namespace {

using steady = std::chrono::steady_clock;
using std::chrono::duration_cast;

constexpr std::size_t in_flight_max = 512;
constexpr std::chrono::milliseconds tick{200};
constexpr std::chrono::milliseconds overload_pause{50};
/// Of each tick, so that looking never costs more than a tenth of a core.
constexpr std::chrono::milliseconds poll_time{20};
constexpr std::size_t poll_chunk = 64;

/// Where the engine's threads leave their answers to submits. Shared with the callbacks: they may
/// outlive the loop when it ends early.
struct answers {
  std::mutex mutex;
  std::vector<std::pair<std::size_t, result<submission>>> list;
};

class loop {
 public:
  explicit loop(const run_parts& parts) : p_(parts) {
    if (!p_.planned.stored)
      for (const auto& spec : p_.planned.specs) terms_.push_back(terms_of(p_.run, spec));
    for (std::size_t i = 0; i < p_.tracker.size(); ++i)
      (p_.target.summary(p_.tracker.id(i)) ? old_ : fresh_).push_back(i);
    if (!p_.planned.stored) existing_.assign(old_.begin(), old_.end());
  }

  run_end run() {
    auto next_look = started_;
    for (;;) {
      take_answers();
      if (!failure_) submit_more();
      if (failure_) return ended(run_end::kind::failed);
      if (p_.alarm.interrupted()) return ended(run_end::kind::interrupted);
      if (!p_.target.healthy()) {
        failure_ = error{errc::stopped, {}};
        return ended(run_end::kind::failed);
      }
      if (const auto now = steady::now(); now >= next_look) {
        look();
        next_look = now + tick;
      }
      const auto totals = p_.tracker.totals();
      if (old_done_ && totals.submitted == totals.workflows) {
        if (totals.over() == totals.workflows) return ended(run_end::kind::over);
        if (totals.over() + totals.stuck == totals.workflows && still_stuck())
          return ended(run_end::kind::decision);
      }
      p_.alarm.wait(std::clamp(duration_cast<milliseconds>(next_look - steady::now()),
                               milliseconds{1}, tick));
    }
  }

 private:
  run_end ended(run_end::kind what) {
    look();
    p_.display.finish();
    return {what, failure_, std::move(others_), std::move(over_), failed_id_, elapsed()};
  }

  milliseconds elapsed() const { return duration_cast<milliseconds>(steady::now() - started_); }

  void take_answers() {
    std::vector<std::pair<std::size_t, result<submission>>> list;
    {
      const std::lock_guard lock(answers_->mutex);
      list.swap(answers_->list);
    }
    for (auto& [i, answer] : list) {
      --in_flight_;
      if (answer) {
        if (answer->existed) read(i);  // it may be over, then nobody reports its end
      } else if (answer.error().code() == errc::overloaded) {
        fresh_.push_front(i);
        not_before_ = steady::now() + overload_pause;
      } else if (!failure_) {
        failure_ = answer.error();
        failed_id_ = p_.tracker.id(i);
      }
    }
  }

  void submit_more() {
    if (steady::now() < not_before_) return;
    while (in_flight_ < in_flight_max && !old_.empty()) submit(old_);
    if (!old_.empty() || (!old_done_ && in_flight_ > 0)) return;
    if (!failure_ && !std::exchange(old_done_, true)) start();
    if (failure_) return;
    while (in_flight_ < in_flight_max && !fresh_.empty()) submit(fresh_);
  }

  /// Everything that exists has the content of its file. If it also began under the options of this
  /// run, or may change to them, the engine starts.
  void start() {
    std::vector<std::size_t> to_record;
    for (const auto i : existing_) {
      const auto& id = p_.tracker.id(i);
      const auto& mine = terms_of_planned(i);
      const auto recorded = p_.target.terms(id);
      if (!recorded && recorded.error().code() == errc::not_found) continue;
      if (!recorded) return fail(recorded.error(), i);
      auto differing =
          recorded->empty() ? std::vector<terms_difference>{} : differences(*recorded, mine);
      if (!recorded->empty() && differing.empty()) continue;
      const auto w = p_.target.summary(id);
      if (!w) return fail(w.error(), i);
      if (is_terminal(w->status)) {  // no option changes what is over
        if (!differing.empty()) over_.push_back({id, std::move(differing)});
      } else if (!differing.empty() && !p_.run.change_options)
        others_.push_back({id, std::move(differing)});
      else
        to_record.push_back(i);
    }
    if (!others_.empty()) {
      failure_ = error{errc::conflict, "it began under other options"};
      failed_id_ = others_.front().workflow;
      return;
    }
    for (const auto i : to_record)
      if (const auto done = p_.target.record_terms(p_.tracker.id(i), terms_of_planned(i)); !done)
        return fail(done.error(), i);
    p_.target.start();
  }

  void fail(const error& why, std::size_t i) {
    failure_ = why;
    failed_id_ = p_.tracker.id(i);
  }

  const std::string& terms_of_planned(std::size_t i) const {
    return terms_[p_.planned.workflows[i].spec];
  }

  void submit(std::deque<std::size_t>& from) {
    const auto i = from.front();
    from.pop_front();
    if (p_.planned.stored) {
      if (const auto w = p_.target.summary(p_.tracker.id(i)); !w) return fail(w.error(), i);
      p_.tracker.submitted(i, true);
      return read(i);
    }
    const auto& planned = p_.planned.workflows[i];
    auto spec = p_.planned.specs[planned.spec];
    spec.id = planned.id;
    ++in_flight_;
    p_.tracker.asked(i);
    p_.target.submit_async(
        spec,
        [to = answers_, &tracker = p_.tracker, &alarm = p_.alarm, i](result<submission> r) {
          if (r)
            tracker.submitted(i, r->existed);
          else
            tracker.not_submitted(i, r.error());
          const std::lock_guard lock(to->mutex);
          to->list.emplace_back(i, std::move(r));
          alarm.wake();
        },
        terms_of_planned(i));
  }

  void read(std::size_t i) {
    if (auto w = p_.target.summary(p_.tracker.id(i))) p_.tracker.update(*w);
  }

  /// Reads as many open workflows as the time allows, going round, and shows the picture.
  void look() {
    const auto end = steady::now() + poll_time;
    for (std::size_t seen = 0; seen < p_.tracker.size(); seen += poll_chunk) {
      const auto some = p_.tracker.open_from(cursor_, poll_chunk);
      for (const auto i : some) read(i);
      if (some.size() < poll_chunk || steady::now() >= end) break;
    }
    for (const auto& n : p_.tracker.take_news()) p_.display.tell(news_line(n));
    progress_state s;
    s.totals = p_.tracker.totals();
    if (s.totals.workflows <= p_.display.rows_max()) s.rows = p_.tracker.all();
    s.failed_attempts = p_.counters.failed;
    s.elapsed = elapsed();
    p_.display.draw(s);
  }

  /// What was seen stuck may have gone on since (a deadline): looks at all of them once more.
  bool still_stuck() {
    for (std::size_t i = 0; i < p_.tracker.size(); ++i) read(i);
    const auto t = p_.tracker.totals();
    return t.stuck > 0 && t.over() + t.stuck == t.workflows;
  }

  const run_parts& p_;
  const std::shared_ptr<answers> answers_ = std::make_shared<answers>();
  const steady::time_point started_ = steady::now();
  std::deque<std::size_t> old_;  ///< not submitted yet, in the store already
  std::deque<std::size_t> fresh_;
  std::vector<std::size_t> existing_;  ///< those whose options are to be compared
  bool old_done_ = false;
  std::size_t in_flight_ = 0;
  steady::time_point not_before_{};
  std::size_t cursor_ = 0;
  std::optional<error> failure_;
  std::string failed_id_;
  std::vector<std::string> terms_;  ///< of each spec
  std::vector<other_terms> others_;
  std::vector<other_terms> over_;  ///< the same, and no option matters to them any more
};

}  // namespace

run_end run_to_end(const run_parts& parts) { return loop{parts}.run(); }

}  // namespace tenax::node
