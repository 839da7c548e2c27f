#include "tests/crash/ledger.hpp"

#include <sstream>
#include <utility>

#include "tests/support/workload.hpp"

namespace tenax::crash {

void ledger::begin_life() {
  ++life_;
  ready_ = false;
  commit_failed_ = false;
  halted_ns_ = 0;
  gets_.clear();
}

std::uint32_t ledger::add() {
  const auto n = static_cast<std::uint32_t>(workflows_.size());
  workflows_.emplace_back().actions.resize(workload::make_spec(seed_, n).actions.size());
  return n;
}

std::uint32_t ledger::open() const {
  std::uint32_t n = 0;
  for (const auto& w : workflows_) n += w.submit != mark::none && !w.terminal ? 1 : 0;
  return n;
}

void ledger::violated(const std::string& invariant, std::uint32_t n, const std::string& what) {
  violations_.push_back(invariant + ": " + workload::id_of(n) + ": " + what + " (life " +
                        std::to_string(life_) + ")");
}

void ledger::sent(const std::string& command) {
  std::istringstream in(command);
  std::string what;
  std::uint32_t n = 0;
  in >> what >> n;
  if (what == "close") return;
  auto& w = workflows_[n];
  if (what == "submit" && w.submit == mark::none) w.submit = mark::in_flight;
  if (what == "cancel" && w.cancel == mark::none) w.cancel = mark::in_flight;
  if (what == "get") gets_.push_back({n, w.must_exist(), w.cancel == mark::acked});
}

void ledger::answered(const std::string& line) {
  std::istringstream in(line);
  std::string kind;
  std::string what;
  std::string rest;
  std::uint32_t n = 0;
  in >> kind;
  if (kind == "ready") {
    std::uint64_t epoch = 0;
    in >> epoch;
    if (epoch <= epoch_) violated("I19", 0, "the epoch did not grow: " + line);
    epoch_ = epoch;
    ready_ = true;
    return;
  }
  if (kind == "halted") {
    in >> halted_ns_;
    return;
  }
  if (kind == "view") {
    in >> n;
    std::getline(in, rest);
    return viewed(n, rest, take_expectation(n));
  }
  in >> what >> n >> rest;
  if (n >= workflows_.size()) return violated("protocol", n, line);
  if (kind == "acked") return acked(what, n, rest);
  if (kind == "failed") return failed(what, n, rest);
  violated("protocol", n, line);
}

ledger::expectation ledger::take_expectation(std::uint32_t n) {
  if (gets_.empty() || gets_.front().workflow != n) {
    violated("protocol", n, "an answer to another query");
    return {};
  }
  const auto e = gets_.front();
  gets_.pop_front();
  return e;
}

void ledger::end(known_workflow& w) {
  if (!w.terminal) w.ended_in_life = life_;
  w.terminal = true;
}

void ledger::know(known_workflow& w) {
  if (!w.must_exist()) w.known_in_life = life_;
}

void ledger::acked(const std::string& what, std::uint32_t n, const std::string& rest) {
  auto& w = workflows_[n];
  if (what == "submit") {
    // A query of this life may have seen it before its submit was answered.
    const bool known = w.submit == mark::acked || (w.must_exist() && w.known_in_life < life_);
    if (rest == "new" && known) {
      violated("I1", n, "it was there, and could be created once more");
    }
    if (rest == "new" && commit_failed_) {
      violated("I18", n, "a submit was acknowledged after a failed commit");
    }
    know(w);
    w.submit = mark::acked;
  } else if (what == "other") {
    violated("I3", n, "a submit of other content under its id was accepted");
  } else if (what == "cancel") {
    w.cancel = mark::acked;
    end(w);
  }
}

void ledger::failed(const std::string& what, std::uint32_t n, const std::string& code) {
  const auto& w = workflows_[n];
  commit_failed_ = commit_failed_ || code == "storage_unavailable";
  const bool stopping = code == "stopped" || code == "storage_unavailable" || code == "closing";
  if (what == "get") {
    const auto expected = take_expectation(n);
    if (code != "not_found") return violated("I1", n, "a query failed: " + code);
    if (expected.must_exist) violated("I1", n, "it was there or acknowledged, and is gone");
    return;
  }
  if (stopping || code == "overloaded") return;
  if (what == "submit") return violated("I2", n, "a repeated submit failed: " + code);
  if (what == "other") {
    if (code != "conflict") violated("I3", n, "other content under its id: " + code);
    return;
  }
  // Cancels and decisions are sent only for workflows that are there.
  if (code != "wrong_state") return violated("I1", n, what + " failed: " + code);
  if (what == "cancel" && w.cancel == mark::acked) {
    violated("I4", n, "it was cancelled, and a second cancel says wrong_state");
  }
}

void ledger::viewed(std::uint32_t n, const std::string& rest, const expectation& expected) {
  auto& w = workflows_[n];
  std::istringstream in(rest);
  unsigned number = 0;
  in >> number;
  const auto status = static_cast<workflow_status>(number);
  if (expected.cancelled && status != workflow_status::cancelled) {
    violated("I4", n, "its cancel was acknowledged, but it is " + std::string(to_string(status)));
  }
  if (is_terminal(w.status) && status != w.status) {
    violated("I15", n,
             "it was " + std::string(to_string(w.status)) + ", but it is " +
                 std::string(to_string(status)));
  }
  know(w);
  w.seen = true;
  w.status = status;
  if (is_terminal(status)) end(w);
  for (auto& action : w.actions) {
    std::uint32_t attempts = 0;
    unsigned waits = 0;
    std::uint64_t hash = 0;
    char colon = 0;
    in >> attempts >> colon >> waits >> colon >> std::hex >> hash >> std::dec;
    if (in.fail()) return violated("protocol", n, "view" + rest);
    if (attempts < action.attempts) violated("I15", n, "attempts went back:" + rest);
    if (action.hash != 0 && hash != action.hash) violated("I6", n, "a result changed:" + rest);
    action = {attempts, hash, waits != 0};
  }
}

}  // namespace tenax::crash
