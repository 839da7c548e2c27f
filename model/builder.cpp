#include <stdexcept>

#include "tenax/spec.hpp"

namespace tenax {

workflow_builder& workflow_builder::action(std::string key, std::string type, std::string input) & {
  action_spec added;
  added.key = std::move(key);
  added.type = std::move(type);
  added.input = std::move(input);
  spec_.actions.push_back(std::move(added));
  return *this;
}

workflow_builder& workflow_builder::after(std::string key) & {
  last().depends_on.push_back(std::move(key));
  return *this;
}

workflow_builder& workflow_builder::at(wall_time when) & {
  last().scheduled_at = when;
  return *this;
}

workflow_builder& workflow_builder::delayed(milliseconds delay) & {
  last().delay = delay;
  return *this;
}

workflow_builder& workflow_builder::because(std::string reason) & {
  last().reason = std::move(reason);
  return *this;
}

action_spec& workflow_builder::last() {
  if (spec_.actions.empty())
    throw std::logic_error("workflow_builder: add an action before refining one");
  return spec_.actions.back();
}

}  // namespace tenax
