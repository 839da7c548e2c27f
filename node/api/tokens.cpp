#include "node/api/tokens.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <endian.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <span>
#include <system_error>

#include "http/file_descriptor.hpp"
#include "http/private_file.hpp"
#include "http/text.hpp"
#include "model/documents/hex.hpp"
#include "model/documents/json_writer.hpp"
#include "model/fnv.hpp"
#include "node/api/reading.hpp"

namespace tenax::api {

namespace {

constexpr std::string_view letters = "0123456789abcdefghijklmnopqrstuv";
constexpr std::string_view prefix = "tnx_";
constexpr std::size_t id_size = 8;        // 40 bits
constexpr std::size_t secret_size = 52;   // 256 bits
constexpr std::size_t checksum_size = 6;  // 30 bits
constexpr std::size_t secret_at = prefix.size() + id_size + 1;
constexpr std::size_t checksum_at = secret_at + secret_size;
constexpr std::size_t name_bytes_max = 100;
constexpr std::size_t file_bytes_max = 16U << 20;

using digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

digest hash(std::string_view text) {
  digest out{};
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
  return out;
}

/// So many letters of five bits each.
std::string letters_of(std::span<const unsigned char> bytes, std::size_t count) {
  std::string out;
  unsigned bits = 0;
  unsigned left = 0;
  for (std::size_t i = 0; out.size() < count;) {
    if (left < 5 && i < bytes.size()) {
      bits = (bits << 8U) | bytes[i++];
      left += 8;
    }
    if (left < 5) bits <<= 5 - left;  // the last letter has zeros where there are no more
    left = std::max(left, 5U) - 5;
    out += letters[(bits >> left) & 31U];
  }
  return out;
}

std::string checksum(std::string_view text) {
  auto sum = model::fnv1a(text);
  sum ^= sum >> 32U;
  std::string out;
  for (std::size_t i = 0; i < checksum_size; ++i, sum >>= 5U) out += letters[sum & 31U];
  return out;
}

bool is_of_letters(std::string_view text) {
  return text.find_first_not_of(letters) == std::string_view::npos;
}

bool is_id(std::string_view text) { return text.size() == id_size && is_of_letters(text); }

/// Whether it can be one: who has mistyped it is told so.
bool is_whole(std::string_view token) {
  return token.size() == checksum_at + checksum_size && token.starts_with(prefix) &&
         is_id(token.substr(prefix.size(), id_size)) && token[secret_at - 1] == '_' &&
         is_of_letters(token.substr(secret_at)) &&
         checksum(token.substr(0, checksum_at)) == token.substr(checksum_at);
}

using digest_words = std::array<std::uint64_t, sizeof(digest) / sizeof(std::uint64_t)>;

std::string hex(const digest& d) {
  std::string out;
  for (const auto word : std::bit_cast<digest_words>(d)) out += model::print_hex(be64toh(word));
  return out;
}

std::optional<digest> parse_digest(std::string_view text) {
  constexpr std::size_t digits = 16;
  digest_words words{};
  if (text.size() != digits * words.size()) return std::nullopt;
  for (auto& word : words) {
    const auto read = model::parse_hex(text.substr(0, digits));
    if (!read) return std::nullopt;
    word = htobe64(*read);
    text.remove_prefix(digits);
  }
  return std::bit_cast<digest>(words);
}

// --- the file ------------------------------------------------------------------------------------

std::string print(const token_entry& t) {
  std::string text;
  model::json_writer out(text);
  out.begin_object();
  out.string("id", t.id);
  out.string("name", t.name);
  out.begin_array("scopes");
  for (const auto name : scope_names) {
    if (t.scopes.has(*parse_scope(name))) out.string({}, name);
  }
  out.end_array();
  out.string("sha256", hex(t.digest));
  out.time("created", t.created);
  out.optional_time("expires", t.expires);
  out.end_object();
  return text + '\n';
}

scope_set read_scopes(fields& f) {
  scope_set out;
  for (const auto& name : f.texts("scopes")) {
    const auto known = parse_scope(name);
    if (known) out.add(*known);
    if (!known) f.fault_at("scopes", "must be of read, submit, work, operate, admin");
  }
  return out;
}

result<token_entry> parse_line(std::string_view text) {
  body_reader line(text, limits{});
  token_entry t;
  if (line.is_open()) {
    fields f(line.doc, model::json_tree::root, {});
    t.id = f.required_text("id");
    t.name = f.required_text("name");
    t.scopes = read_scopes(f);
    const auto sum = parse_digest(f.required_text("sha256"));
    t.created = f.time("created").value_or(wall_time{});
    t.expires = f.time("expires");
    if (!is_id(t.id)) f.fault_at("id", "must be 8 of 0-9a-v");
    if (!sum) f.fault_at("sha256", "must be 64 hexadecimal digits");
    if (sum) t.digest = *sum;
  }
  if (auto wrong = line.fault()) return *std::move(wrong);
  return t;
}

error failed(const std::filesystem::path& file, std::string_view what) {
  return {errc::invalid_argument,
          file.string() + ": " + std::string(what) + ": " + std::generic_category().message(errno)};
}

/// What anybody else can write lets anybody in.
result<std::string> read_tokens(const std::filesystem::path& file) {
  auto text = http::read_private_file(file, "the token file", file_bytes_max);
  if (!text) return error(errc::invalid_argument, text.error().message());
  return text;
}

result<void> write_all(int fd, std::string_view text, const std::filesystem::path& file) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n < 0) return failed(file, "writing");
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(fd) != 0) return failed(file, "syncing");
  return {};
}

/// What `change` makes of the text takes its place, whole or not at all. One at a time: the lock is
/// the directory's, and leaves no file.
result<void> edit(const std::filesystem::path& given,
                  const std::function<result<std::string>(std::string)>& change) {
  std::error_code ec;
  auto file = std::filesystem::weakly_canonical(given, ec);  // behind a link
  if (ec) file = given;
  const auto parent = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  const http::file_descriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::flock(folder.get(), LOCK_EX) != 0) return failed(parent, "the directory");
  std::string text;
  struct ::stat owner {};  // of the file, or else of the directory
  if (::fstat(folder.get(), &owner) != 0) return failed(parent, "the directory");
  struct ::stat found {};
  if (::stat(file.c_str(), &found) == 0) {
    owner = found;
    auto old = read_tokens(file);
    if (!old) return old.error();
    text = std::move(*old);
  } else if (errno != ENOENT) {
    return failed(file, "the token file");
  }
  auto changed = change(std::move(text));
  if (!changed) return changed.error();
  auto beside = file;
  beside += ".new";
  ::unlink(beside.c_str());
  const http::file_descriptor made(
      ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!made) return failed(beside, "the new token file");
  auto done = write_all(made.get(), *changed, beside);
  // What root changes stays the server's.
  if (done && ::geteuid() == 0 && ::fchown(made.get(), owner.st_uid, owner.st_gid) != 0) {
    done = failed(beside, "giving it to its owner");
  }
  if (done && ::rename(beside.c_str(), file.c_str()) != 0) done = failed(file, "replacing it");
  if (!done) ::unlink(beside.c_str());
  if (done && ::fsync(folder.get()) != 0) return failed(parent, "syncing");
  return done;
}

/// Each line with its entry, or nothing for one that holds none.
result<void> for_each_line(
    std::string_view text,
    const std::function<void(std::string_view, std::optional<token_entry>)>& take) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const auto whole = text.substr(0, end == text.npos ? text.size() : end + 1);
    text.remove_prefix(whole.size());
    const auto line = whole.substr(0, whole.find_last_not_of("\r\n") + 1);
    if (line.empty() || line.starts_with('#')) {
      take(whole, std::nullopt);
      continue;
    }
    auto entry = parse_line(line);
    if (!entry) {
      return error(errc::invalid_argument,
                   "line " + std::to_string(number) + " is no token: " + entry.error().message());
    }
    take(whole, std::move(*entry));
  }
  return {};
}

error in_file(const std::filesystem::path& file, const error& e) {
  return {e.code(), "the token file " + file.string() + ": " + e.message(), e.faults()};
}

}  // namespace

result<new_token> make_token(const std::string& name, scope_set scopes,
                             std::optional<wall_time> expires, wall_time now) {
  if (name.empty() || name.size() > name_bytes_max ||
      std::ranges::any_of(name, [](char c) { return http::is_control(c) || c == '\t'; })) {
    return error(errc::invalid_argument,
                 "the name of a token is 1 to 100 bytes, without control characters");
  }
  if (scopes.empty()) {
    return error(errc::invalid_argument,
                 "a token needs a scope: read, submit, work, operate or admin");
  }
  std::array<unsigned char, 37> bits{};  // 5 for the id
  if (::RAND_bytes(bits.data(), static_cast<int>(bits.size())) != 1) {
    return error(errc::invalid_argument, "the system gives no random bytes");
  }
  const std::span all(bits);
  const auto id = letters_of(all.first(5), id_size);
  auto text = std::string(prefix) + id + '_' + letters_of(all.subspan(5), secret_size);
  text += checksum(text);
  ::OPENSSL_cleanse(bits.data(), bits.size());
  const auto sum = hash(text);
  return new_token{std::move(text), {id, name, scopes, sum, now, expires}};
}

result<token_table> token_table::parse(std::string_view text) {
  token_table out;
  std::optional<error> wrong;
  auto read = for_each_line(text, [&](std::string_view, std::optional<token_entry> entry) {
    if (!entry) return;
    auto id = entry->id;
    if (!out.by_id_.try_emplace(std::move(id), *entry).second && !wrong) {
      wrong.emplace(errc::invalid_argument, "the token " + entry->id + " is there twice");
    }
  });
  if (!read) return read.error();
  if (wrong) return *std::move(wrong);
  return out;
}

result<token_table> token_table::load(const std::filesystem::path& file) {
  const auto text = read_tokens(file);
  if (!text) return text.error();
  auto out = parse(*text);
  if (!out) return in_file(file, out.error());
  return out;
}

token_table::verdict token_table::check(std::string_view token, wall_time now) const {
  static const token_entry nobody;
  if (!is_whole(token)) return {nullptr, "the token is damaged or cut: it is none of tenax"};
  const auto sum = hash(token);
  const auto found = by_id_.find(token.substr(prefix.size(), id_size));
  const auto& entry = found == by_id_.end() ? nobody : found->second;
  const bool is_same = ::CRYPTO_memcmp(sum.data(), entry.digest.data(), sum.size()) == 0;
  if (!is_same || found == by_id_.end()) return {nullptr, "the token is not known, or revoked"};
  if (entry.expires && *entry.expires <= now) return {nullptr, "the token has expired"};
  return {&entry, {}};
}

std::vector<token_entry> token_table::entries() const {
  std::vector<token_entry> out;
  for (const auto& [id, entry] : by_id_) out.push_back(entry);
  std::ranges::stable_sort(out, {}, &token_entry::created);
  return out;
}

result<void> add_token(const std::filesystem::path& file, const token_entry& entry) {
  return edit(file, [&](std::string text) -> result<std::string> {
    const auto known = token_table::parse(text);
    if (!known) return in_file(file, known.error());
    if (!text.empty() && text.back() != '\n') text += '\n';
    return text + print(entry);
  });
}

result<token_entry> remove_token(const std::filesystem::path& file, std::string_view id) {
  std::optional<token_entry> gone;
  auto done = edit(file, [&](const std::string& text) -> result<std::string> {
    std::string left;
    auto read = for_each_line(text, [&](std::string_view line, std::optional<token_entry> entry) {
      if (entry && entry->id == id) {
        gone = std::move(entry);
      } else {
        left += line;
      }
    });
    if (!read) return in_file(file, read.error());
    if (!gone) {
      return error(errc::not_found, file.string() + " has no token of this id");
    }
    return left;
  });
  if (!done) return done.error();
  return *std::move(gone);
}

}  // namespace tenax::api
