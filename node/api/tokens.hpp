// tokens.hpp - the secrets that clients show, and the file that knows them: not the secrets, their
// SHA-256. Depends on include/tenax, node/api and OpenSSL (not in the header). Values; the
// functions that change a file are safe from several processes.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/api/scopes.hpp"
#include "tenax/handler.hpp"
#include "tenax/result.hpp"

namespace tenax::api {

/// What is kept of a token.
struct token_entry {
  std::string id;  ///< 8 of 0-9a-v
  std::string name;
  scope_set scopes;
  std::array<unsigned char, 32> digest{};  ///< SHA-256 of the whole token
  wall_time created{};
  std::optional<wall_time> expires{};
};

struct new_token {
  std::string text;  ///< tnx_ID_ and 58 of 0-9a-v: 256 random bits and a checksum of what is before
  token_entry entry;
};
/// Error: invalid_argument (the name is empty, longer than 100 bytes or has control characters; no
/// scope).
[[nodiscard]] result<new_token> make_token(const std::string& name, scope_set scopes,
                                           std::optional<wall_time> expires, wall_time now);

/// The tokens of a file, by id. Constant once it is made: from any thread.
class token_table {
 public:
  /// One JSON document a line; empty lines and lines that begin with # are skipped. Errors:
  /// invalid_argument with the line and no word of what is in it.
  [[nodiscard]] static result<token_table> parse(std::string_view text);
  /// Refused as well: a file that others than its owner may read or write, or of another user.
  [[nodiscard]] static result<token_table> load(const std::filesystem::path& file);

  struct verdict {
    const token_entry* who = nullptr;  ///< null: nobody, and `why` is a sentence
    std::string_view why{};
  };
  /// Takes the same time whatever a wrong secret has in common with the right one.
  [[nodiscard]] verdict check(std::string_view token, wall_time now) const;

  [[nodiscard]] std::vector<token_entry> entries() const;
  [[nodiscard]] std::size_t size() const noexcept { return by_id_.size(); }

 private:
  std::map<std::string, token_entry, std::less<>> by_id_;
};

/// Adds one; the file is made (mode 0600) if it is not there. Durable when it returns.
[[nodiscard]] result<void> add_token(const std::filesystem::path& file, const token_entry& entry);
/// Takes one out, and returns it. Error: not_found.
[[nodiscard]] result<token_entry> remove_token(const std::filesystem::path& file,
                                               std::string_view id);

}  // namespace tenax::api
