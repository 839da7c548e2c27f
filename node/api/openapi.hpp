// openapi.hpp - openapi.json, which the build puts into the library.
#pragma once

#include <string_view>

namespace tenax::api {

extern const std::string_view openapi_document;

}  // namespace tenax::api
