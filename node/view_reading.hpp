// view_reading.hpp - answers of the API back as what a query shows: to_json of what is read is what
// was read. A field that this version does not know is left out, one that is missing is an error.
// Depends on include/tenax and model/documents. Pure functions, but that names of events are kept
// for good.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tenax/engine.hpp"

namespace tenax::node {

// Error format_too_new: it is not what this version knows; the message says what.
[[nodiscard]] result<workflow_summary> read_summary(std::string_view json);  ///< {"workflow": ...}
[[nodiscard]] result<workflow_view> read_view(std::string_view json);
[[nodiscard]] result<explanation> read_explanation(std::string_view json);
[[nodiscard]] result<page<workflow_summary>> read_page(std::string_view json);
[[nodiscard]] result<list_count> read_count(std::string_view json);
[[nodiscard]] result<std::vector<history_event>> read_history(std::string_view json);

struct server_version {
  std::string version;
  std::string api;
};
[[nodiscard]] result<server_version> read_version(std::string_view json);

/// What a problem document says (docs/server.md), in the engine's own words.
struct problem_read {
  std::string code;
  error what;  ///< invalid_argument where no errc has the code
  bool has_errc = false;
};
[[nodiscard]] result<problem_read> read_problem(std::string_view json);

}  // namespace tenax::node
