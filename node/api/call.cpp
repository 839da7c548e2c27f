#include "node/api/call.hpp"

namespace tenax::api {

void call::note(int status) const {
  const auto needs = state_->of.needs;
  const bool decides = needs == scope::operate || needs == scope::admin;
  const bool failed = status >= 500 && needs != scope::nothing;
  if (!at().log || (!decides && !failed)) return;
  auto text = request().method + " " + request().path + ": " + std::to_string(status);
  if (const auto& owner = token_name(); !owner.empty()) text += ", asked by " + owner;
  at().log(log_level::info, text, {param("id"), param("key"), 0, request().id});
}

}  // namespace tenax::api
