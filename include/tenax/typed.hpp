// typed.hpp - handlers that take and return a program's own types. Depends on std only. Included by
// handler.hpp, which says what each function promises.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tenax/handler.hpp"
#include "tenax/json_codec.hpp"

namespace tenax {

/// What a typed handler returns that has more to say than its result: that, or any outcome.
template <json_writable Out>
class typed_outcome {
 public:
  // NOLINTBEGIN(google-explicit-constructor)
  typed_outcome(const Out& result) : what_(outcome::success(write_json(result))) {}
  typed_outcome(outcome what) : what_(std::move(what)) {}
  // NOLINTEND(google-explicit-constructor)
  [[nodiscard]] outcome take() && { return std::move(what_); }

 private:
  outcome what_;
};

namespace detail {

/// `options` with the shape of the input checked first.
[[nodiscard]] action_options with_shape_check(
    action_options options, std::vector<fault> (*shape_faults)(std::string_view input));
/// Fatal, class "bad_input".
[[nodiscard]] outcome bad_input(const error& shape);

template <json_readable In>
std::vector<fault> shape_faults(std::string_view input) {
  const auto read = read_json<In>(input);
  return read ? std::vector<fault>{} : read.error().faults();
}

template <class Out, class F>
outcome outcome_of(F&& call) {
  using returned = std::invoke_result_t<F>;
  if constexpr (std::is_void_v<returned>) {
    static_assert(std::is_void_v<Out>, "the handler returns no result");
    std::forward<F>(call)();
    return outcome::success();
  } else if constexpr (std::is_same_v<returned, outcome>) {
    return std::forward<F>(call)();
  } else {
    static_assert(!std::is_void_v<Out>, "name the type of the result: add<In, Out>(...)");
    return typed_outcome<Out>(std::forward<F>(call)()).take();
  }
}

template <class In, class Out, class F>
handler typed_handler(F run) {
  return [run = std::move(run)](const action_context& ctx) {
    auto input = read_json<In>(ctx.input);
    if (!input) return bad_input(input.error());
    if constexpr (std::is_invocable_v<const F&, In, const action_context&>) {
      return outcome_of<Out>([&] { return std::invoke(run, *std::move(input), ctx); });
    } else {
      static_assert(std::is_invocable_v<const F&, In>,
                    "a handler of In takes (In) or (In, const action_context&), and is const");
      return outcome_of<Out>([&] { return std::invoke(run, *std::move(input)); });
    }
  };
}

}  // namespace detail

template <json_readable In, class Out, class F>
handler_registry& handler_registry::add(std::string type, F run, action_options options) & {
  return add(std::move(type), detail::typed_handler<In, Out>(std::move(run)),
             detail::with_shape_check(std::move(options), &detail::shape_faults<In>));
}

}  // namespace tenax
