// list_page: one page of the listing, with filters, in the order of submission or the other way;
// count_page: how many of them there are.
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "model/documents/base64.hpp"
#include "storage/views.hpp"

namespace tenax::storage {

namespace {

using model::index_class;

constexpr std::size_t limit_max = 1'000;
constexpr std::size_t entries_per_read = 500;
// What a page may look at in vain.
constexpr std::size_t entries_per_page_max = 10'000;
constexpr std::size_t headers_per_page_max = 1'000;
constexpr std::size_t action_pages_per_page_max = 1'000;  // of 16 actions

/// What the query finds lies here, among other things.
list_source source_of(const list_query& q) {
  if (q.reference) return {list_source::kind::reference, {}, *q.reference};
  if (q.waiting == waiting_for::decision) return {list_source::kind::undecided, {}, {}};
  std::vector<index_class> classes{index_class::active, index_class::parked, index_class::completed,
                                   index_class::failed, index_class::cancelled};
  const auto keep = [&classes](auto wanted) {
    std::erase_if(classes, [&](index_class c) { return !wanted(c); });
  };
  if (q.open || q.waiting) keep([](index_class c) { return is_open(c); });
  if (q.error_class) {
    keep([](index_class c) { return is_open(c) || c == index_class::failed; });
  }
  if (q.status) {
    switch (*q.status) {
      case workflow_status::completed:
        keep([](index_class c) { return c == index_class::completed; });
        break;
      case workflow_status::failed:
        keep([](index_class c) { return c == index_class::failed; });
        break;
      case workflow_status::cancelled:
        keep([](index_class c) { return c == index_class::cancelled; });
        break;
      case workflow_status::pending:
      case workflow_status::in_progress:
        keep([](index_class c) { return is_open(c); });
        break;
    }
  }
  // What is ready makes a workflow active, and so does what runs.
  if (q.waiting == waiting_for::a_thread || q.waiting == waiting_for::nothing) {
    keep([](index_class c) { return c == index_class::active; });
  }
  return {list_source::kind::classes, std::move(classes), {}};
}

/// The entry after which a page begins. As a token: base64 of [check u32][created_at_ms i64][id],
/// where the check covers the query's filters too.
struct position {
  std::optional<time_ms> created_at_ms;  ///< nothing: at the beginning
  std::string id;
};

std::uint32_t check_of(const list_query& query, std::string_view payload) {
  std::string all(payload);
  const auto add = [&all](const auto& field) {
    all.push_back(field ? '+' : '-');
    if (field) all.append(reinterpret_cast<const char*>(&*field), sizeof *field);
  };
  add(query.status);
  add(query.from);
  add(query.until);
  add(query.waiting);
  all.push_back(query.open ? '+' : '-');
  all.push_back(query.newest_first ? '+' : '-');
  for (const auto* text : {&query.name, &query.reference, &query.error_class}) {
    all.push_back(*text ? '+' : '-');
    if (*text) all.append(std::to_string((*text)->size())).append(":").append(**text);
  }
  return static_cast<std::uint32_t>(XXH3_64bits(all.data(), all.size()));
}

std::string to_token(const list_query& query, const position& last) {
  std::string payload(sizeof(time_ms), '\0');
  const time_ms at_ms = last.created_at_ms.value_or(0);
  std::memcpy(payload.data(), &at_ms, sizeof at_ms);
  payload.append(last.id);
  const std::uint32_t check = check_of(query, payload);
  std::string bytes(sizeof check, '\0');
  std::memcpy(bytes.data(), &check, sizeof check);
  return model::encode_base64(bytes.append(payload));
}

result<position> from_token(const list_query& query) {
  position at;
  if (query.page_token.empty()) return at;
  const auto bytes = model::decode_base64(query.page_token);
  std::uint32_t check = 0;
  if (bytes && bytes->size() > sizeof check + sizeof(time_ms)) {
    std::memcpy(&check, bytes->data(), sizeof check);
    const auto payload = std::string_view(*bytes).substr(sizeof check);
    if (check == check_of(query, payload)) {
      time_ms at_ms = 0;
      std::memcpy(&at_ms, payload.data(), sizeof at_ms);
      at.created_at_ms = at_ms;
      at.id = payload.substr(sizeof(time_ms));
      return at;
    }
  }
  return error{errc::invalid_argument, "page_token is not one of this query"};
}

/// What an entry has said may be over.
bool is_of(const list_query& query, const model::workflow_state& now) {
  if (query.status && now.status != *query.status) return false;
  return !query.open || !now.terminal();
}

/// Whether what one action is in means that its workflow waits so.
bool waits(const model::workflow_state& s, waiting_for what) {
  using model::phase;
  switch (what) {
    case waiting_for::nothing:
      return s.count(phase::executing) > 0;
    case waiting_for::dependencies:
      return s.count(phase::blocked) > 0;
    case waiting_for::schedule:
      return s.count(phase::scheduled) > 0;
    case waiting_for::retry:
      return s.count(phase::backing_off) > 0;
    case waiting_for::timer:
      return s.count(phase::deferred) > 0;
    case waiting_for::a_thread:
      return s.count(phase::ready) > 0;
    case waiting_for::decision:
      return s.undecided();
    case waiting_for::outside:
      return s.count(phase::outside) > 0;
    case waiting_for::handler:
      break;
  }
  return false;
}

bool has_error(const model::workflow_state& s, const std::string& error_class) {
  if (s.status == workflow_status::failed) {
    return s.failed_action < s.actions.size() &&
           s.actions[s.failed_action].last_error.error_class == error_class;
  }
  return !s.terminal() && std::any_of(s.actions.begin(), s.actions.end(), [&](const auto& a) {
    return a.last_error.error_class == error_class;
  });
}

/// Goes through what a query may find, from one page's beginning, and tells what it does find.
class search {
 public:
  search(const read_store& store, const list_query& query)
      : store_(store),
        query_(query),
        source_(source_of(query)),
        says_class_(source_.what == list_source::kind::classes),
        needs_state_(!says_class_ || query.waiting || query.error_class ||
                     query.status == workflow_status::pending ||
                     query.status == workflow_status::in_progress),
        filtered_(needs_state_ || query.name) {}

  /// Calls `take(entry, header)` with what matches, at most `most` times; the header is null if
  /// nothing was read for the match. Returns the token of the rest, "" at the end.
  template <class Take>
  result<std::string> run(std::size_t most, Take take) {
    auto at = from_token(query_);
    if (!at) return at.error();
    // Without a filter that entries can fail, no more are read than the page takes, and one.
    const auto per_read = filtered_ ? entries_per_read : std::min(entries_per_read, most + 1);
    for (std::size_t taken = 0;;) {
      const auto entries = store_.list(source_, place(*at), per_read);
      if (!entries) return entries.error();
      for (const auto& entry : *entries) {
        if (is_beyond(entry.created_at_ms)) return std::string();
        if (taken == most || spent()) return to_token(query_, *at);
        ++entries_;
        auto matching = match(entry);
        if (!matching) return matching.error();
        if (*matching) {
          if (auto ok = take(entry, header_); !ok) return ok.error();
          ++taken;
        }
        *at = {entry.created_at_ms, entry.workflow_id};
      }
      if (entries->size() < per_read) return std::string();
    }
  }

 private:
  [[nodiscard]] list_place place(const position& at) const {
    constexpr auto first = std::numeric_limits<time_ms>::min();
    constexpr auto last = std::numeric_limits<time_ms>::max();
    const auto& edge = query_.newest_first ? query_.until : query_.from;
    const time_ms edge_ms =
        edge ? edge->time_since_epoch().count() : (query_.newest_first ? last : first);
    if (!at.created_at_ms) return {edge_ms, {}, query_.newest_first};
    if (query_.newest_first) return {*at.created_at_ms, at.id, true};
    // No id holds \x01, so this is after the entry and before any longer id.
    return {*at.created_at_ms, at.id + '\x01', false};
  }
  [[nodiscard]] bool is_beyond(time_ms created_at_ms) const {
    if (query_.newest_first) {
      return query_.from && created_at_ms < query_.from->time_since_epoch().count();
    }
    return query_.until && created_at_ms >= query_.until->time_since_epoch().count();
  }
  [[nodiscard]] bool spent() const {
    return entries_ >= entries_per_page_max || headers_ >= headers_per_page_max ||
           action_pages_ >= action_pages_per_page_max;
  }

  /// Sets header_ if it reads one.
  result<bool> match(const list_entry& entry) {
    header_.reset();
    if (says_class_ && query_.name && entry.name != *query_.name) return false;
    if (!needs_state_) return true;
    ++headers_;
    if (auto read = read_state(entry.workflow_id); !read) return read.error();
    if (!header_) return false;  // removed meanwhile
    const auto& state = header_->state;
    const auto& head = header_->head;
    if (!is_of(query_, state)) return false;
    if (query_.waiting && state.terminal()) return false;
    if (query_.name && head.name != *query_.name) return false;
    if (query_.reference && head.reference != *query_.reference) return false;
    if (query_.waiting && !waits(state, *query_.waiting)) return false;
    return !query_.error_class || has_error(state, *query_.error_class);
  }
  /// With the actions where the query asks for them.
  result<void> read_state(const std::string& id) {
    if (!query_.error_class) {
      auto header = store_.load_header(id);
      if (!header && header.error().code() == errc::not_found) return {};
      if (!header) return header.error();
      header_ = std::move(*header);
      return {};
    }
    auto loaded = store_.load(id);
    if (!loaded && loaded.error().code() == errc::not_found) return {};
    if (!loaded) return loaded.error();
    const auto& spec = loaded->definition->spec;
    action_pages_ += 1 + spec.actions.size() / 16;
    const auto failed = loaded->state.failed_action;
    header_.emplace(read_store::header{
        std::move(loaded->state), spec,
        failed < spec.actions.size() ? spec.actions[failed].key : std::string()});
    return {};
  }

  const read_store& store_;
  const list_query& query_;
  const list_source source_;
  const bool says_class_;
  const bool needs_state_;
  const bool filtered_;
  std::optional<read_store::header> header_;  ///< of the entry that was looked at last
  std::size_t entries_ = 0;
  std::size_t headers_ = 0;
  std::size_t action_pages_ = 0;
};

std::optional<error> bad_filter(const list_query& query) {
  if (query.waiting == waiting_for::handler) {
    return error(errc::invalid_argument,
                 "which workflows wait for a handler is not stored: engine::get tells of one");
  }
  if (query.reference == "") return error(errc::invalid_argument, "the reference is empty");
  return std::nullopt;
}

/// What the totals know.
std::optional<std::uint64_t> counted(const totals& t, const list_query& q) {
  if (q.name || q.reference || q.error_class || q.waiting || q.from || q.until) return std::nullopt;
  if (!q.status) return q.open ? t.open() : t.open() + t.completed + t.failed + t.cancelled;
  if (q.open && is_terminal(*q.status)) return 0;
  switch (*q.status) {
    case workflow_status::completed:
      return t.completed;
    case workflow_status::failed:
      return t.failed;
    case workflow_status::cancelled:
      return t.cancelled;
    case workflow_status::pending:
    case workflow_status::in_progress:
      break;
  }
  return std::nullopt;
}

}  // namespace

result<page<workflow_summary>> list_page(const read_store& store, const list_query& query) {
  if (query.limit < 1 || query.limit > limit_max) {
    return error{errc::invalid_argument, "limit must be 1.." + std::to_string(limit_max) +
                                             ", it is " + std::to_string(query.limit)};
  }
  if (auto bad = bad_filter(query)) return *std::move(bad);
  page<workflow_summary> out;
  auto rest = search(store, query)
                  .run(query.limit,
                       [&](const list_entry& entry,
                           const std::optional<read_store::header>& read) -> result<void> {
                         if (read) {
                           out.items.push_back(to_summary(*read));
                           return {};
                         }
                         const auto header = store.load_header(entry.workflow_id);
                         if (header) {
                           if (is_of(query, header->state))
                             out.items.push_back(to_summary(*header));
                         } else if (header.error().code() != errc::not_found) {  // just removed
                           return header.error();
                         }
                         return {};
                       });
  if (!rest) return rest.error();
  out.next_page_token = std::move(*rest);
  return out;
}

result<list_count> count_page(const read_store& store, const list_query& query) {
  if (auto bad = bad_filter(query)) return *std::move(bad);
  if (query.page_token.empty()) {
    if (const auto known = counted(store.current_totals(), query)) return list_count{*known, {}};
  }
  list_count out;
  auto rest = search(store, query)
                  .run(entries_per_page_max, [&](const list_entry&, const auto&) -> result<void> {
                    ++out.count;
                    return {};
                  });
  if (!rest) return rest.error();
  out.next_page_token = std::move(*rest);
  return out;
}

}  // namespace tenax::storage
