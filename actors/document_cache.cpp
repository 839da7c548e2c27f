#include "actors/document_cache.hpp"

#include <utility>

namespace tenax::actors {

namespace {
/// Of the cache itself, for each document.
constexpr std::size_t entry_bytes = 200;
}  // namespace

std::uint64_t document_cache::new_life() {
  const std::lock_guard lock(mutex_);
  return ++lives_;
}

document_cache::figures document_cache::now() const {
  const std::lock_guard lock(mutex_);
  return {recent_.size(), bytes_, waiting_, made_};
}

std::optional<model::document_ptr> document_cache::find(const key& what) {
  const auto at = kept_.find(what);
  if (at == kept_.end()) return std::nullopt;
  recent_.splice(recent_.begin(), recent_, at->second);
  return at->second->document;
}

std::list<document_cache::entry> document_cache::keep(const key& what,
                                                      const model::document_ptr& document) {
  std::list<entry> gone;
  if (!document) return gone;
  const std::size_t bytes = document->bytes() + entry_bytes;
  if (bytes > bytes_max_) return gone;
  while (bytes_ + bytes > bytes_max_) {
    bytes_ -= recent_.back().bytes;
    kept_.erase(recent_.back().what);
    gone.splice(gone.end(), recent_, std::prev(recent_.end()));
  }
  recent_.push_front({what, document, bytes});
  kept_.emplace(what, recent_.begin());
  bytes_ += bytes;
  return gone;
}

result<model::document_ptr> document_cache::get_or_make(const key& what, const maker& make) {
  std::list<entry> gone;  // freed after the lock
  std::unique_lock lock(mutex_);
  std::shared_ptr<making> mine;
  while (!mine) {
    if (auto found = find(what)) return std::move(*found);
    const auto [at, is_new] = making_.try_emplace(what);
    if (is_new) {
      at->second = mine = std::make_shared<making>();
      break;
    }
    const auto others = at->second;
    ++waiting_;
    over_.wait(lock, [&] { return others->over; });
    --waiting_;
    if (others->made) return *others->made;
  }
  ++made_;
  lock.unlock();
  const auto end = [&] {
    lock.lock();
    making_.erase(what);
    mine->over = true;
    over_.notify_all();
  };
  try {
    auto made = make();
    end();
    mine->made = made;
    if (made) gone = keep(what, *made);
    lock.unlock();
    return made;
  } catch (...) {
    if (!lock.owns_lock()) end();
    lock.unlock();
    throw;
  }
}

}  // namespace tenax::actors
