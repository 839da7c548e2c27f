// gate.hpp - who may ask what: tokens, for requests that come over TCP. Depends on http and
// node/api. Thread safe.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "http/request.hpp"
#include "http/response.hpp"
#include "node/api/scopes.hpp"
#include "node/api/tokens.hpp"

namespace tenax::api {

/// Nothing, or the answer to a head that is enough to refuse, whoever sends it: a body that nobody
/// reads, or a page of another site that asks in its reader's browser
/// (https://www.w3.org/TR/fetch-metadata/).
[[nodiscard]] std::optional<http::response> refuse_at_sight(const http::request& head);

class gate {
 public:
  /// An empty path: everybody who comes may do everything.
  explicit gate(std::filesystem::path token_file) : file_(std::move(token_file)) {}

  [[nodiscard]] bool is_open() const noexcept { return file_.empty(); }
  /// Reads the file (again). After an error all goes on with what was read before.
  result<void> load();

  struct visit {
    /// The answer to a request that must not come in: 401, or 403 with the scope that is missing.
    std::optional<http::response> refused{};
    std::string name{};  ///< of the token that it shows; "": none that is known
  };
  /// Looks at the head only. `needs`: nullopt for what there is not, which only who has a token is
  /// told.
  [[nodiscard]] visit admit(const http::request& head, std::optional<scope> needs) const;

 private:
  struct shown;
  [[nodiscard]] static std::optional<http::response> refusal_of(const http::request& head,
                                                                const shown& token,
                                                                std::optional<scope> needs);
  [[nodiscard]] shown look(const http::request& head) const;
  [[nodiscard]] std::shared_ptr<const token_table> table() const;

  const std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::shared_ptr<const token_table> table_;
};

}  // namespace tenax::api
