#include "model/validate.hpp"
#include "tenax/spec.hpp"

namespace tenax {

std::vector<fault> check_spec(const workflow_spec& spec, const handler_registry& handlers,
                              const limits& bounds) {
  return model::validate(spec, handlers, bounds);
}

}  // namespace tenax
