// document_cache.hpp - results and inputs that were parsed lately, shared by the inputs that refer
// to them. Owns them within a bound of bytes. Depends on include/tenax and model. Thread safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "model/documents/parsed_document.hpp"
#include "tenax/result.hpp"

namespace tenax::actors {

class document_cache {
 public:
  /// Of memory, as parsed_document::bytes tells it; what was not used for longest goes first.
  explicit document_cache(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  document_cache(const document_cache&) = delete;
  document_cache& operator=(const document_cache&) = delete;

  /// A workflow in memory, until it is unloaded. Not its id: that one can be submitted anew after
  /// retention removed it, and then other results have the same numbers.
  [[nodiscard]] std::uint64_t new_life();

  struct key {
    std::uint64_t life = 0;
    std::uint64_t seq = 0;  ///< of the event that holds the result; 0: the workflow's input
    bool operator==(const key&) const = default;
  };
  /// Reads and parses. Must not ask the cache for the same key.
  using maker = std::function<result<model::document_ptr>()>;
  /// The document; `make` is called, on this thread, unless it is here or another thread makes it:
  /// then this one waits for it. An error goes to all who wait and is not kept; where `make` throws
  /// the next one makes. A document beyond the bound goes to all who wait and is not kept.
  [[nodiscard]] result<model::document_ptr> get_or_make(const key& what, const maker& make);

  struct figures {
    std::size_t documents = 0;
    std::size_t bytes = 0;
    std::size_t waiting = 0;  ///< threads, for another that makes
    std::uint64_t made = 0;   ///< calls of a maker
  };
  [[nodiscard]] figures now() const;

 private:
  struct key_hash {
    [[nodiscard]] std::size_t operator()(const key& k) const noexcept {
      return static_cast<std::size_t>((k.life * 0x9e37'79b9'7f4a'7c15u) ^ k.seq);
    }
  };
  struct making {
    bool over = false;
    std::optional<result<model::document_ptr>> made;  ///< nothing: `make` threw
  };
  struct entry {
    key what;
    model::document_ptr document;
    std::size_t bytes = 0;
  };

  [[nodiscard]] std::optional<model::document_ptr> find(const key& what);
  /// What had to go for it is returned, to be freed without the lock.
  [[nodiscard]] std::list<entry> keep(const key& what, const model::document_ptr& document);

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable over_;
  std::list<entry> recent_;  ///< the one used last is the first
  std::unordered_map<key, std::list<entry>::iterator, key_hash> kept_;
  std::unordered_map<key, std::shared_ptr<making>, key_hash> making_;
  std::size_t bytes_ = 0;  ///< of recent_
  std::size_t waiting_ = 0;
  std::uint64_t made_ = 0;
  std::uint64_t lives_ = 0;
};

}  // namespace tenax::actors
