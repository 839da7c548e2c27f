#include "tests/fault/shared_ledger.hpp"

#include <cstdio>

#include "tests/support/workload.hpp"

namespace tenax::faults {

void shared_ledger::clear() {
  next = 0;
  for (auto& w : workflows) {
    w.submit = mark::none;
    w.cancel = mark::none;
    w.seen = false;
    w.ended = 0;
    for (auto& a : w.actions) {
      a.once_calls = 0;
      a.result_hash = 0;
      a.attempts = 0;
    }
  }
}

void shared_ledger::submit_sent(std::uint32_t n) {
  auto expected = mark::none;
  workflows[n].submit.compare_exchange_strong(expected, mark::in_flight);
}
void shared_ledger::submit_answered(std::uint32_t n, const result<submission>& r) {
  if (r) workflows[n].submit = mark::acked;
}
void shared_ledger::cancel_sent(std::uint32_t n) {
  auto expected = mark::none;
  workflows[n].cancel.compare_exchange_strong(expected, mark::in_flight);
}
void shared_ledger::cancel_answered(std::uint32_t n, const result<void>& r) {
  if (r) workflows[n].cancel = mark::acked;
}
void shared_ledger::told_end(const workflow_summary& s) {
  workflows[workload::number_of(s.id)].ended =
      static_cast<std::uint8_t>(1 + static_cast<unsigned>(s.status));
}

void shared_ledger::once_called(const action_context& c) {
  auto& marks = workflows[workload::number_of(c.workflow_id)];
  auto& action = marks.actions[workload::number_of(c.action_key)];
  const std::uint64_t bit = std::uint64_t{1} << (c.attempt & 63);
  if ((action.once_calls.fetch_or(bit) & bit) == 0) return;
  ++broken;
  std::fprintf(stderr, "VIOLATION I5: %.*s/%.*s: attempt %u of an at-most-once action ran twice\n",
               static_cast<int>(c.workflow_id.size()), c.workflow_id.data(),
               static_cast<int>(c.action_key.size()), c.action_key.data(), c.attempt);
}

std::uint64_t shared_ledger::acked() const {
  std::uint64_t n = 0;
  for (const auto& w : workflows) n += w.submit == mark::acked ? 1 : 0;
  return n;
}

namespace {

class checker {
 public:
  checker(shared_ledger& known, std::uint64_t seed, const reader& store)
      : known_(known), seed_(seed), store_(store) {}

  std::vector<std::string> run() {
    std::uint64_t there = 0;
    for (std::uint32_t n = 0; n < known_.next && n < workflows_max; ++n) {
      there += check_workflow(n) ? 1 : 0;
    }
    const auto stats = store_.stats();
    if (stats.submitted != there) {
      fail("I16", "totals",
           std::to_string(stats.submitted) + " submitted, but " + std::to_string(there) +
               " are there");
    }
    return std::move(violations_);
  }

 private:
  void fail(const char* invariant, const std::string& where, const std::string& what) {
    violations_.push_back(std::string(invariant) + ": " + where + ": " + what);
  }

  bool check_workflow(std::uint32_t n) {
    auto& marks = known_.workflows[n];
    const auto spec = workload::make_spec(seed_, n);
    const auto view = store_.get(spec.id);
    if (!view) {
      if (view.error().code() != errc::not_found) {
        fail("records", spec.id, view.error().to_string());
      } else if (marks.submit == mark::acked) {
        fail("I1", spec.id, "its submit was acknowledged, but it is gone");
      } else if (marks.seen) {
        fail("I2", spec.id, "it was there before, but it is gone");
      }
      return false;
    }
    marks.seen = true;
    if (const auto differs = workload::compare(spec, *view); !differs.empty()) {
      fail("I1", spec.id, "it is not what was submitted: " + differs);
      return true;
    }
    check_end(marks, *view);
    for (std::size_t a = 0; a < view->actions.size(); ++a) {
      check_action(marks.actions[a], spec.id, view->actions[a]);
    }
    return true;
  }

  void check_end(workflow_marks& marks, const workflow_view& view) {
    const auto status = view.summary.status;
    const auto now = static_cast<std::uint8_t>(1 + static_cast<unsigned>(status));
    if (marks.cancel == mark::acked && status != workflow_status::cancelled) {
      fail("I4", view.summary.id,
           "its cancel was acknowledged, but it is " + std::string(to_string(status)));
    }
    if (marks.ended != 0 && marks.ended != now) {
      fail("I15", view.summary.id,
           "it had ended, but it is " + std::string(to_string(status)) + " now");
    }
    if (is_terminal(status)) marks.ended = now;
  }

  void check_action(workflow_marks::action_marks& marks, const std::string& id,
                    const action_view& action) {
    const std::string where = id + "/" + action.key;
    if (action.attempts < marks.attempts) {
      fail("I15", where,
           std::to_string(marks.attempts) + " attempts were seen, now there are " +
               std::to_string(action.attempts));
    }
    marks.attempts = action.attempts;
    // A call without a durable start could be made again.
    for (std::uint32_t n = action.attempts + 1; n < 64; ++n) {
      if ((marks.once_calls & (std::uint64_t{1} << n)) != 0) {
        fail("I5", where,
             "its at-most-once handler ran as attempt " + std::to_string(n) +
                 ", which is not in the store");
      }
    }
    if (!action.result) {
      if (marks.result_hash != 0) fail("I6", where, "its result is gone");
      return;
    }
    const auto hash = workload::hash(*action.result);
    if (marks.result_hash != 0 && marks.result_hash != hash) {
      fail("I6", where, "its result has changed to " + *action.result);
    }
    marks.result_hash = hash;
  }

  shared_ledger& known_;
  const std::uint64_t seed_;
  const reader& store_;
  std::vector<std::string> violations_;
};

}  // namespace

std::vector<std::string> check(shared_ledger& known, std::uint64_t workload_seed,
                               const std::filesystem::path& data_dir) {
  const auto report = verify(data_dir);
  if (!report) {
    // A directory from before its first durable write holds nothing, and need not.
    if (report.error().code() == errc::data_dir_unusable && known.acked() == 0) return {};
    return {"verify: " + report.error().to_string()};
  }
  std::vector<std::string> violations;
  for (const auto& f : report->findings) {
    violations.push_back(f.invariant + ": " + f.where + ": " + f.what);
  }
  const auto store = reader::open(data_dir);
  if (!store) {
    violations.push_back("reader: " + store.error().to_string());
    return violations;
  }
  auto more = checker(known, workload_seed, *store).run();
  violations.insert(violations.end(), more.begin(), more.end());
  return violations;
}

}  // namespace tenax::faults
