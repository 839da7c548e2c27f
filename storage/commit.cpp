// encode_commit: everything that one change of a workflow writes.
#include <algorithm>
#include <optional>
#include <span>

#include "model/assert.hpp"
#include "model/failpoint.hpp"
#include "storage/keys.hpp"
#include "storage/records.hpp"
#include "storage/store.hpp"

namespace tenax::storage {

std::string_view to_string(timer_kind k) noexcept {
  switch (k) {
    case timer_kind::retry:
      return "retry";
    case timer_kind::schedule:
      return "schedule";
    case timer_kind::timer:
      return "timer";
    case timer_kind::action_deadline:
      return "action_deadline";
    case timer_kind::workflow_deadline:
      return "workflow_deadline";
    case timer_kind::open_attempt:
      return "open_attempt";
  }
  return "unknown";
}

timer_kind timer_of(model::phase p) noexcept {
  switch (p) {
    case model::phase::backing_off:
      return timer_kind::retry;
    case model::phase::scheduled:
      return timer_kind::schedule;
    case model::phase::outside:
      return timer_kind::open_attempt;
    default:
      return timer_kind::timer;
  }
}

namespace {

/// Scratch memory, kept between commits.
struct buffers {
  std::string key;
  std::string value;
  std::vector<std::uint32_t> pages;
};
/// A buffer beyond this is given back.
constexpr std::size_t keep_bytes_max = 256 * 1024;

class commit_encoder {
 public:
  commit_encoder(const model::definition& def, const model::workflow_state& after,
                 const model::change_set& changes, buffers& scratch, write_batch& out)
      : def_(def), id_(def.spec.id), after_(after), changes_(changes), b_(scratch), out_(out) {}

  void put_definition() {
    keys::definition(b_.key, id_);
    records::encode_definition(def_, b_.value);
    out_.put(b_.key, b_.value);
  }

  void put_state() {
    keys::state(b_.key, id_);
    records::encode_state(def_, after_, b_.value);
    out_.put(b_.key, b_.value);
    // Page 0 is in the state record. A new workflow writes every page, so that a lost one shows.
    auto& pages = b_.pages;
    pages.clear();
    if (changes_.creates) {
      for (std::uint32_t p = 1; p < records::page_count(after_.actions.size()); ++p) {
        pages.push_back(p);
      }
    } else {
      for (const auto& t : changes_.touched) {
        const std::uint32_t page = records::page_of(t.action);
        if (page > 0 && (pages.empty() || pages.back() != page)) pages.push_back(page);
      }
      std::sort(pages.begin(), pages.end());
      pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
    }
    for (const std::uint32_t p : pages) {
      keys::page(b_.key, id_, p);
      records::encode_page(after_, p, b_.value);
      out_.put(b_.key, b_.value);
    }
  }

  void put_history() {
    std::span<const model::event> rest(changes_.events);
    for (std::uint64_t seq = changes_.first_seq; !rest.empty();) {
      keys::history(b_.key, id_, seq);
      const std::size_t taken = records::encode_history(rest, b_.value);
      out_.put(b_.key, b_.value);
      seq += taken;
      rest = rest.subspan(taken);
    }
  }

  void put_due() {
    for (const auto& t : changes_.touched) {
      const auto& now = after_.actions[t.action];
      const bool had = model::has_timer(t.old_phase, t.old_due_at_ms);
      const bool has = model::has_timer(now.phase, now.due_at_ms);
      const bool same = had && has && t.old_due_at_ms == now.due_at_ms &&
                        timer_of(t.old_phase) == timer_of(now.phase);
      if (!same && had && !TENAX_PLANTED(5))
        remove_due(t.old_due_at_ms, timer_of(t.old_phase), t.action);
      if (!same && has) put_due(now.due_at_ms, timer_of(now.phase), t.action);
      move_due(t.old_close_by_ms, now.close_by_ms, timer_kind::action_deadline, t.action);
    }
    move_due(changes_.old_deadline_at_ms, after_.deadline_at_ms, timer_kind::workflow_deadline,
             model::no_action);
  }

  /// Of what is looked for by more than its place in the listing.
  void put_indexes() {
    if (changes_.creates && !def_.spec.reference.empty()) {
      keys::reference(b_.key, keys::reference_hash(def_.spec.reference), after_.created_at_ms, id_);
      out_.put(b_.key, {});
    }
    if (const bool now = after_.undecided(); now != changes_.old_undecided) {
      keys::undecided(b_.key, after_.created_at_ms, id_);
      if (now) {
        out_.put(b_.key, {});
      } else {
        out_.remove(b_.key);
      }
    }
  }

  void put_listing() {
    const auto listed_as = after_.listed_as();
    const bool moves = changes_.creates || changes_.old_class != listed_as;
    if (!moves && after_.terminal() && changes_.old_closed_at_ms != after_.closed_at_ms) {
      move_ended();  // it went on and failed again, all in this
    }
    const bool says_other =
        listed_as == model::index_class::active && changes_.old_lanes != after_.lanes();
    if (!moves && !says_other) return;
    if (moves && !changes_.creates) {
      keys::listing(b_.key, changes_.old_class, after_.created_at_ms, id_);
      out_.remove(b_.key);
    }
    keys::listing(b_.key, listed_as, after_.created_at_ms, id_);
    records::encode_listing(def_.spec.name, listed_as, after_.lanes(), b_.value);
    out_.put(b_.key, b_.value);
    if (!moves) return;
    if (changes_.old_class == model::index_class::failed && !changes_.creates) {
      --out_.delta.failed;  // it goes on
    }
    move_ended();
    if (changes_.creates) ++out_.delta.submitted;
    switch (listed_as) {
      case model::index_class::completed:
        ++out_.delta.completed;
        break;
      case model::index_class::failed:
        ++out_.delta.failed;
        break;
      case model::index_class::cancelled:
        ++out_.delta.cancelled;
        break;
      case model::index_class::active:
      case model::index_class::parked:
        break;
    }
  }

 private:
  void move_ended() {
    if (!changes_.creates && !is_open(changes_.old_class)) {
      keys::ended(b_.key,
                  {changes_.old_class, changes_.old_closed_at_ms, after_.created_at_ms, id_});
      out_.remove(b_.key);
    }
    if (after_.terminal()) {
      keys::ended(b_.key, {after_.listed_as(), after_.closed_at_ms, after_.created_at_ms, id_});
      out_.put(b_.key, {});
    }
  }
  void put_due(time_ms at, timer_kind kind, model::action_index action) {
    keys::due(b_.key, at, kind, id_, action);
    out_.put(b_.key, {});
  }
  void remove_due(time_ms at, timer_kind kind, model::action_index action) {
    keys::due(b_.key, at, kind, id_, action);
    out_.remove(b_.key);
  }
  /// For timers where the time 0 means none.
  void move_due(time_ms from, time_ms to, timer_kind kind, model::action_index action) {
    if (from == to) return;
    if (from != 0) remove_due(from, kind, action);
    if (to != 0) put_due(to, kind, action);
  }

  const model::definition& def_;
  const std::string& id_;
  const model::workflow_state& after_;
  const model::change_set& changes_;
  buffers& b_;
  write_batch& out_;
};

}  // namespace

void encode_commit(const model::definition& def, const model::workflow_state& after,
                   const model::change_set& changes, write_batch& out) {
  TENAX_ASSERT(!changes.empty(), "a commit holds events");
  TENAX_ASSERT(changes.first_seq + changes.events.size() == after.seq + 1,
               "the state is the one after the events");
  static thread_local buffers scratch;
  commit_encoder encoder(def, after, changes, scratch, out);
  if (changes.creates) encoder.put_definition();
  encoder.put_state();
  encoder.put_history();
  encoder.put_due();
  encoder.put_listing();
  encoder.put_indexes();
  if (scratch.value.capacity() > keep_bytes_max) std::string().swap(scratch.value);
}

}  // namespace tenax::storage
