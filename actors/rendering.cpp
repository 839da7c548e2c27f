#include "actors/rendering.hpp"

#include <utility>

#include "model/references.hpp"

namespace tenax::actors {

using model::action_index;
using model::no_action;

namespace {
/// Larger documents are parsed once for all who refer to them.
constexpr std::size_t small_bytes = 4u << 10;
}  // namespace

bool input_parts::are_small(const model::definition& def, action_index a) const {
  constexpr std::size_t results_max = 16;
  if (results.size() > results_max || input_seq != 0) return false;
  if (def.spec.actions[a].input.size() > small_bytes || def.spec.input.size() > small_bytes) {
    return false;
  }
  for (const auto& [d, one] : results) {
    if (!one.kept) return false;
  }
  return true;
}

std::optional<outcome> make_input(runtime& rt, const input_parts& parts, handler_call& call) {
  const auto& def = *call.definition;
  const auto position = [&](action_index d) {
    const auto from = parts.results.find(d);
    return from == parts.results.end() ? std::uint64_t{0} : from->second.seq;
  };
  const auto cursor = rt.store.results_of(def.spec.id);
  const auto read = [&](action_index d) -> result<model::document_ptr> {
    if (d == no_action) {
      if (def.spec.input.size() <= small_bytes) return model::parse_document(def.spec.input);
      return rt.documents.get_or_make({parts.life, 0}, [&]() -> result<model::document_ptr> {
        return model::parse_document(def.spec.input);
      });
    }
    const auto from = parts.results.find(d);
    if (from == parts.results.end()) return model::document_ptr();
    if (from->second.kept) return model::parse_document(*from->second.kept);
    const auto from_store = [&]() -> result<model::document_ptr> {
      auto stored = cursor->next(from->second.seq);
      if (!stored) return stored.error();
      return model::parse_document(std::move(*stored));
    };
    if (def.dependants[d].size() == 1) return from_store();
    return rt.documents.get_or_make({parts.life, from->second.seq}, from_store);
  };
  const auto stop = [&] { return !call.is_open() || !rt.may_start(); };
  const auto render = [&](std::string_view text) {
    return model::render_input(def, call.action, text, {position, read}, stop,
                               rt.opts.limits.payload_bytes_max);
  };
  model::rendered_input rendered;
  if (parts.input_seq == 0) {
    rendered = render(def.spec.actions[call.action].input);
  } else if (auto changed = rt.store.load_result(def.spec.id, parts.input_seq)) {
    rendered = render(*changed);
    call.changed_input = std::move(*changed);
  } else {
    rendered.end = model::render_end::unread;
    rendered.why = changed.error();
  }
  switch (rendered.end) {
    case model::render_end::rendered:
      call.input = std::move(rendered.input);
      return std::nullopt;
    case model::render_end::stopped:
      return std::nullopt;
    case model::render_end::bad_reference:
      return outcome::fatal("bad_reference", rendered.why->message());
    case model::render_end::unread:
      break;
  }
  // A disk that cannot be read is no failure of the action.
  if (rendered.why->code() == errc::storage_unavailable) {
    rt.halt(*rendered.why);
  } else {
    const auto& key = def.spec.actions[call.action].key;
    rt.log(
        log_level::error,
        "workflow " + def.spec.id + ", input of action " + key + ": " + rendered.why->to_string(),
        {def.spec.id, key, call.attempt});
  }
  return outcome::defer(wall_time(milliseconds(rt.now_ms() + look_again_ms)));
}

}  // namespace tenax::actors
