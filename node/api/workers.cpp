// Workers: they ask for tasks here; what they say of them is in attempts.cpp.
#include "node/api/workers.hpp"

#include <algorithm>

#include "model/documents/view_json.hpp"
#include "model/event.hpp"
#include "node/api/bodies.hpp"
#include "node/api/routes.hpp"

namespace tenax::api {

using model::json_writer;

namespace {

// What is kept of polls with an id, of workers, and of their tasks: figures and convenience, so
// what exceeds it is forgotten.
constexpr std::size_t told_max = 10'000;
constexpr std::size_t told_bytes_max = 16u << 20;
constexpr std::size_t workers_max = 10'000;
constexpr std::size_t running_max = 100'000;
constexpr auto seen_for = std::chrono::hours(1);

wall_time now() { return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()); }

void put_task(json_writer& out, const worker_task& t) {
  out.begin_object();
  out.string("workflow_id", t.workflow_id);
  out.string("workflow_name", t.workflow_name);
  out.string("action", t.action_key);
  out.string("type", t.action_type);
  out.number("attempt", t.attempt);
  out.number("deferrals", t.deferrals);
  out.string("delivery", model::to_string(t.delivery));
  out.string("idempotency_key", t.idempotency_key);
  out.string("token", t.token);
  out.optional_string("traceparent", t.traceparent);
  out.time("given_up_at", t.given_up_at);
  model::put_bytes(out, "input", t.input);
  out.end_object();
}

void put_worker(json_writer& out, const worker_view& w) {
  out.begin_object();
  out.string("worker", w.name);
  out.time("seen_at", w.seen_at);
  out.number("polls_waiting", w.polls_waiting);
  out.number("running", w.running);
  out.number("given", w.given);
  out.number("max", w.max);
  out.begin_array("types");
  for (const auto& type : w.types) out.string({}, type);
  out.end_array();
  out.end_object();
}

void put_queue(json_writer& out, const worker_type_stats& q, rates& given) {
  out.begin_object();
  out.string("type", q.type);
  out.number("polls_waiting", q.polls_waiting);
  out.number("workflows_in_row", q.in_row);
  out.boolean("more_on_disk", q.more_on_disk);
  out.number("delivered", q.delivered);
  out.number("given_back", q.given_back);
  put_time(out, "asked_at", q.asked_at);
  put_time(out, "oldest_ready_at", q.oldest_ready_at);
  put_rate(out, "given_per_s", given.look(q.type, q.delivered));
  put_histogram(out, "to_start", q.to_start);
  out.end_object();
}

std::string tasks_text(const std::vector<worker_task>& tasks) {
  return model::object_text([&](json_writer& out) {
    out.begin_array("tasks");
    for (const auto& t : tasks) put_task(out, t);
    out.end_array();
  });
}

}  // namespace

std::optional<worker_desk::place> worker_desk::ask(worker_poll what, const std::string& poll_id,
                                                   poll_client client) {
  const name mine(what.worker, poll_id);
  std::optional<std::string> again;
  std::optional<poll_client> replaced;
  bool is_refused = false;
  place here;
  {
    const std::lock_guard lock(mutex_);
    see(what);
    is_refused = released_;
    if (!poll_id.empty() && !is_refused) {
      const auto known = told_.find(mine);
      const auto open = open_by_name_.find(mine);
      if (known != told_.end() && known->second.until > now()) {
        again = known->second.body;
      } else if (open != open_by_name_.end()) {
        auto& p = open_[open->second];
        p.has_left = false;
        here = {open->second, ++p.clients};
        replaced = std::exchange(p.client, client);
      }
    }
    if (!is_refused && !again && !replaced) {
      here = {++last_key_, 1};
      open_.emplace(here.key, open_poll{what.worker, poll_id, client});
      if (!poll_id.empty()) open_by_name_[mine] = here.key;
    }
  }
  if (is_refused) {
    client.refuse(error(errc::closing, "the server is stopping"));
    return std::nullopt;
  }
  if (again) {
    client.answer(std::move(*again), {});
    return std::nullopt;
  }
  if (replaced) {
    replaced->answer(tasks_text({}), {});
    return here;
  }
  const auto ticket = engine_.poll_async(
      std::move(what),
      [self = shared_from_this(), key = here.key](result<std::vector<worker_task>> got) {
        self->take(key, std::move(got));
      });
  bool is_left = false;
  bool is_released = false;
  {
    const std::lock_guard lock(mutex_);
    const auto at = open_.find(here.key);
    if (at == open_.end()) return std::nullopt;
    at->second.ticket = ticket;
    is_released = released_;
    is_left = at->second.has_left;
  }
  if (is_released) {  // whoever waits now
    if (engine_.withdraw(ticket)) take(here.key, std::vector<worker_task>());
  } else if (is_left) {
    leave(here);
  }
  return here;
}

void worker_desk::leave(const place& of) {
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto at = open_.find(of.key);
    if (at == open_.end() || at->second.clients != of.client) return;  // another waits now
    at->second.has_left = true;
    ticket = at->second.ticket;
  }
  // Else its answer finds nobody, and gives back what it has.
  if (engine_.withdraw(ticket)) take(of.key, std::vector<worker_task>());
}

void worker_desk::release() {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> all;
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
    for (const auto& [key, p] : open_) all.emplace_back(key, p.ticket);
  }
  for (const auto& [key, ticket] : all) {
    if (engine_.withdraw(ticket)) take(key, std::vector<worker_task>());
  }
}

void worker_desk::take(std::uint64_t key, result<std::vector<worker_task>> got) {
  open_poll p;
  auto body = got ? tasks_text(*got) : std::string();
  {
    const std::lock_guard lock(mutex_);
    const auto at = open_.find(key);
    if (at == open_.end()) return;
    p = std::move(at->second);
    open_.erase(at);
    if (!p.id.empty()) {
      // In one step: who asks again under it finds the poll or its answer.
      open_by_name_.erase({p.worker, p.id});
      if (got && !got->empty()) keep({p.worker, p.id}, body, *got);
    }
    if (const auto who = workers_.find(p.worker); who != workers_.end())
      who->second.seen_at = now();
  }
  if (!got) return p.client.refuse(got.error());
  tell(std::move(p), std::move(body), std::move(*got));
}

/// What could not be written is given back, so that nobody waits for its lease to end. With an id
/// it is kept for who asks again. Once a part of it was written, somebody may have it, so then
/// nothing that is to be done at most once is given to another.
void worker_desk::tell(open_poll p, std::string body, std::vector<worker_task> tasks) {
  if (!tasks.empty()) note_given(p.worker, tasks);
  if (tasks.empty() || !p.id.empty()) {
    p.client.answer(std::move(body), {});
    return;
  }
  const auto shared = std::make_shared<const std::vector<worker_task>>(std::move(tasks));
  const bool is_sent =
      p.client.answer(std::move(body), [self = shared_from_this(), shared](bool ok) {
        if (!ok) self->give_back(*shared, false);
      });
  if (!is_sent) give_back(*shared, true);
}

void worker_desk::keep(const name& of, const std::string& body,
                       const std::vector<worker_task>& tasks) {
  auto until = tasks.front().given_up_at;
  for (const auto& t : tasks) until = std::min(until, t.given_up_at);
  told_bytes_ += body.size();
  if (const auto known = told_.find(of); known != told_.end()) {
    told_bytes_ -= known->second.body.size();
    known->second = {body, until};
  } else {
    told_.emplace(of, told_poll{body, until});
    told_order_.push_back(of);
  }
  while (!told_order_.empty() && (told_order_.size() > told_max || told_bytes_ > told_bytes_max ||
                                  told_[told_order_.front()].until < now())) {
    const auto first = told_.find(told_order_.front());
    told_bytes_ -= first->second.body.size();
    told_.erase(first);
    told_order_.pop_front();
  }
}

void worker_desk::give_back(const std::vector<worker_task>& tasks, bool all) {
  for (const auto& t : tasks) {
    if (!all && t.delivery == delivery::at_most_once) continue;
    note_end(t.token);
    engine_.end_attempt_async(t.token, outcome::defer(now()), {});
  }
}

// --- figures -----------------------------------------------------------------------------------

void worker_desk::see(const worker_poll& what) {
  const auto at = now();
  if (!workers_.contains(what.worker) && workers_.size() >= workers_max) {
    std::erase_if(workers_, [&](const auto& w) {
      return w.second.polls_waiting == 0 && w.second.seen_at + seen_for < at;
    });
    if (workers_.size() >= workers_max) return;
  }
  auto& w = workers_[what.worker];
  w.name = what.worker;
  w.seen_at = at;
  w.max = what.max;
  w.types = what.types;
}

void worker_desk::note_given(const std::string& worker, const std::vector<worker_task>& tasks) {
  const std::lock_guard lock(mutex_);
  given_ += tasks.size();
  if (const auto who = workers_.find(worker); who != workers_.end()) {
    who->second.given += tasks.size();
  }
  if (running_.size() + tasks.size() > running_max) {
    const auto at = now();
    std::erase_if(running_, [&](const auto& one) { return one.second.until < at; });
    if (running_.size() + tasks.size() > running_max) return;
  }
  for (const auto& t : tasks) running_[t.token] = {worker, t.given_up_at};
}

void worker_desk::note_end(const std::string& token) {
  const std::lock_guard lock(mutex_);
  running_.erase(token);
}

void worker_desk::note_beat(const std::string& token, const std::optional<wall_time>& given_up_at) {
  const std::lock_guard lock(mutex_);
  const auto at = running_.find(token);
  if (at == running_.end()) return;
  at->second.until = given_up_at.value_or(wall_time::max());
  if (const auto who = workers_.find(at->second.worker); who != workers_.end()) {
    who->second.seen_at = now();
  }
}

std::vector<worker_view> worker_desk::workers() const {
  const std::lock_guard lock(mutex_);
  const auto at = now();
  std::map<std::string_view, std::pair<std::size_t, std::size_t>> counts;
  for (const auto& [key, p] : open_) ++counts[p.worker].first;
  for (const auto& [token, task] : running_) {
    if (task.until > at) ++counts[task.worker].second;
  }
  std::vector<worker_view> out;
  for (const auto& [worker, what] : workers_) {
    const auto counted = counts.find(worker);
    const auto [waiting, running] =
        counted == counts.end() ? std::pair<std::size_t, std::size_t>() : counted->second;
    if (waiting + running == 0 && what.seen_at + seen_for < at) continue;
    auto& w = out.emplace_back(what);
    w.polls_waiting = waiting;
    w.running = running;
    if (waiting > 0) w.seen_at = at;
  }
  return out;
}

std::size_t worker_desk::waiting() const {
  const std::lock_guard lock(mutex_);
  return open_.size();
}

std::uint64_t worker_desk::given() const {
  const std::lock_guard lock(mutex_);
  return given_;
}

// --- routes ------------------------------------------------------------------------------------

namespace {

void take_poll(const call& c) {
  auto said = body_of(c, read_poll);
  if (!said) return;
  auto& poll_id = said->poll_id;
  // Who has another token cannot ask for the same.
  if (!poll_id.empty()) poll_id = c.token_name() + '\n' + poll_id;
  const auto desk = c.at().workers;
  const auto here = desk->ask(std::move(said->what), poll_id,
                              {[c](std::string text, std::function<void(bool)> written) {
                                 return c.hand(std::move(text), std::move(written));
                               },
                               [c](const error& why) { c.refuse(why); }});
  if (!here) return;
  c.on_gone([weak = std::weak_ptr(desk), here = *here] {
    if (const auto there = weak.lock()) there->leave(here);
  });
}

}  // namespace

void poll_tasks(const call& c) {
  c.by_size([](const call& self) { take_poll(self); });
}

void show_workers(const call& c) {
  c.answer(200, model::object_text([&](json_writer& out) {
             out.begin_array("workers");
             for (const auto& w : c.at().workers->workers()) put_worker(out, w);
             out.end_array();
           }));
}

void show_queues(const call& c) {
  c.answer(200, model::object_text([&](json_writer& out) {
             out.begin_array("queues");
             for (const auto& q : c.target().worker_stats()) put_queue(out, q, c.at().given);
             out.end_array();
           }));
}

}  // namespace tenax::api
