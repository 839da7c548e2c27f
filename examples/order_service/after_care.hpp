// after_care.hpp - what a person at a desk would do, as rules: decides for charges in doubt, undoes
// orders that have failed, and goes on with those that wait for goods. Rules ask the engine and the
// world only, so that nothing is lost with this process. One thread, but for `ended`.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "handlers.hpp"

class after_care {
 public:
  explicit after_care(std::shared_ptr<world> outside) : outside_(std::move(outside)) {}

  /// For options::on_finished. Any thread.
  void ended(const tenax::workflow_summary& workflow);
  /// Finds all anew. At each start: on_finished is not called again for what ended just before a
  /// crash.
  void find_failed(tenax::engine& engine);
  /// Now and then.
  void work(tenax::engine& engine);

 private:
  void decide(tenax::engine& engine);
  void undo(tenax::engine& engine, const std::string& order_id);
  void go_on(tenax::engine& engine);

  std::shared_ptr<world> outside_;
  std::mutex mutex_;
  std::vector<std::string> failed_;  ///< orders; guarded by mutex_
  std::deque<order> without_goods_;  ///< failed, until there are some
};
