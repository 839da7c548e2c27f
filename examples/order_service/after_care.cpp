#include "after_care.hpp"

#include <cstdio>
#include <functional>
#include <utility>

namespace {

void report(const std::string& what, const tenax::error& e) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), e.to_string().c_str());
}

/// All workflows of a query, page by page.
void for_each(tenax::engine& engine, tenax::list_query query,
              const std::function<void(const tenax::workflow_summary&)>& f) {
  query.limit = 1'000;
  do {
    const auto page = engine.list(query);
    if (!page) return report("list", page.error());
    for (const auto& workflow : page->items) f(workflow);
    query.page_token = page->next_page_token;
  } while (!query.page_token.empty());
}

}  // namespace

void after_care::ended(const tenax::workflow_summary& workflow) {
  if (workflow.status != tenax::workflow_status::failed || workflow.name != "order") return;
  const std::lock_guard lock(mutex_);
  failed_.push_back(workflow.reference);
}

void after_care::find_failed(tenax::engine& engine) {
  without_goods_.clear();
  tenax::list_query query;
  query.status = tenax::workflow_status::failed;
  for_each(engine, query, [this](const auto& w) { ended(w); });
}

void after_care::work(tenax::engine& engine) {
  decide(engine);
  std::vector<std::string> failed;
  {
    const std::lock_guard lock(mutex_);
    failed.swap(failed_);
  }
  for (const auto& id : failed) undo(engine, id);
  go_on(engine);
}

void after_care::decide(tenax::engine& engine) {
  tenax::list_query query;
  query.waiting = tenax::waiting_for::decision;
  for_each(engine, query, [&](const auto& workflow) {
    const auto view = engine.get(workflow.id);
    if (!view) return report(workflow.id, view.error());
    for (const auto& action : view->actions) {
      if (action.waiting != tenax::waiting_for::decision || action.type != "charge_card") continue;
      // It was given up, but may still charge: what the statement says now is not its last word.
      if (action.stuck_attempt) continue;
      // The key that the handler gave the bank. A real bank may have our request on its way for a
      // while: wait for that long before you believe that there was no charge.
      const auto known = outside_->cards.find(workflow.id + "/" + action.key);
      tenax::resolution decision;
      decision.what = known ? tenax::resolution::kind::complete : tenax::resolution::kind::retry;
      if (known) decision.value = tenax::write_json(receipt{*known});
      if (auto done = engine.resolve(workflow.id, action.key, decision); !done) {
        report(workflow.id, done.error());
      }
    }
  });
}

void after_care::undo(tenax::engine& engine, const std::string& order_id) {
  if (engine.summary(undo_workflow_id(order_id))) return;  // that has been done
  const auto view = engine.get(order_workflow_id(order_id));
  if (!view) return report(order_id, view.error());
  if (view->summary.status != tenax::workflow_status::failed) return;
  const auto what = tenax::read_json<order>(view->input);
  if (!what) return report(order_id, what.error());
  for (const auto& action : view->actions) {
    const bool ended_it = action.key == view->summary.failed_action;
    if (ended_it && action.last_error && action.last_error->error_class == "out_of_stock") {
      return without_goods_.push_back(*what);
    }
  }
  if (auto sent = engine.submit(undo_workflow(*what)); !sent) {
    report(order_id, sent.error());
    const std::lock_guard lock(mutex_);
    failed_.push_back(order_id);  // try again
  }
}

void after_care::go_on(tenax::engine& engine) {
  std::map<std::string, std::int64_t> left;  // of each item, for those behind in the row
  std::deque<order> wait_on;
  for (auto& o : without_goods_) {
    auto [at, first] = left.try_emplace(o.item);
    if (first) at->second = outside_->stock.available(o.item);
    if (at->second < o.count) {
      wait_on.push_back(std::move(o));
      continue;
    }
    at->second -= o.count;
    // It may fail once more, when another order was quicker: then `ended` hears of it again.
    if (auto done = engine.retry(order_workflow_id(o.id), "reserve", "there is stock again");
        !done) {
      if (done.error().code() == tenax::errc::wrong_state) continue;  // it goes on already
      report(o.id, done.error());
      wait_on.push_back(std::move(o));
    }
  }
  without_goods_ = std::move(wait_on);
}
