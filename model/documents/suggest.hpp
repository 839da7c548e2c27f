// suggest.hpp - "did you mean": names near to one that is not known. Depends on std only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tenax::model {

/// A few of `names` for a message, the ones most like `wrong` first: "wait, noop, 3 more".
[[nodiscard]] std::string nearest_names(std::string_view wrong,
                                        const std::vector<std::string_view>& names);

/// Whether two names are so alike that one may be the other, misspelt: at most two letters differ.
[[nodiscard]] bool are_alike(std::string_view a, std::string_view b);

}  // namespace tenax::model
