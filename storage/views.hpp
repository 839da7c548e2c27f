// views.hpp - what queries show, made from what is stored. Shared by the engine and the reader.
// Depends on include/tenax, model, storage/store.hpp only. Thread safe as the store's reads are.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "storage/store.hpp"
#include "tenax/view.hpp"

namespace tenax::storage {

[[nodiscard]] workflow_summary to_summary(const read_store::header& header);
/// not_found if no workflow can have this id, whatever is stored: to be asked before the store is.
[[nodiscard]] std::optional<error> no_such_id(std::string_view id);
/// Errors: not_found, corrupt, storage_unavailable.
[[nodiscard]] result<workflow_summary> read_summary(const read_store& store, std::string_view id);
/// As recorded last, "" if none were. Errors: not_found, corrupt, storage_unavailable.
[[nodiscard]] result<std::string> read_terms(const read_store& store, std::string_view id);
/// `spec` gives the actions' keys.
[[nodiscard]] history_event to_history(const workflow_spec& spec, std::uint64_t seq,
                                       const model::event& event);

/// Whether a handler of this type is registered; null: assume that all are.
using has_handler = std::function<bool(std::string_view type)>;
/// What is due at `now_ms` waits for its handler if there is none. Errors: not_found, corrupt,
/// storage_unavailable.
[[nodiscard]] result<workflow_view> read_view(const read_store& store, std::string_view id,
                                              const has_handler& handlers, time_ms now_ms);
/// Events with seq > after. not_found if there is no such workflow.
[[nodiscard]] result<std::vector<history_event>> read_history(const read_store& store,
                                                              std::string_view id,
                                                              std::uint64_t after,
                                                              std::size_t limit);
/// A page ends early, with a token, after so much that did not match (see list_query).
/// invalid_argument: a bad limit or filter, or a page token that is not of this query.
[[nodiscard]] result<page<workflow_summary>> list_page(const read_store& store,
                                                       const list_query& query);
[[nodiscard]] result<list_count> count_page(const read_store& store, const list_query& query);
/// Entries of one kind that are due at or before `until_ms`, soonest first.
[[nodiscard]] result<std::vector<due_view>> due_views(const read_store& store, timer_kind kind,
                                                      time_ms until_ms, std::size_t limit);

}  // namespace tenax::storage
