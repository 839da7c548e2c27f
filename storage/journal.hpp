// journal.hpp - group commit: many workflows' batches become one synced write, by one writer.
// Depends on storage/store.hpp only. All calls are thread safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "storage/store.hpp"
#include "storage/write_batch.hpp"

namespace tenax::storage {

/// Who is told, exactly once, how a commit ended. A plain function pointer, so that no commit
/// allocates.
struct ack {
  /// `failure` is null when the batch is durable; else it may or may not be there (outcome
  /// unknown), or (error `stopped`) not. Called on the writer's thread, or by an append that is
  /// answered `stopped` on its own: must be quick; it may append, but not close. Null `call`:
  /// nobody.
  void (*call)(void* context, const tenax::error* failure) noexcept = nullptr;
  void* context = nullptr;
};

/// Told once, on the writer's thread, that a write has failed, before any commit is answered: from
/// then on nothing may start (invariant I18). Must be quick and must not call the journal.
using failure_sink = std::function<void(const tenax::error&)>;

enum class flush : std::uint8_t {
  now,   ///< someone waits: write at once
  lazy,  ///< nobody waits: with the next batch that someone waits for, after `lazy_delay` at the
         ///< latest
};

struct journal_stats {
  std::uint64_t commits = 0;  ///< batches written
  std::uint64_t syncs = 0;    ///< writes to the store
  std::uint64_t bytes_queued = 0;
};

class journal {
 public:
  static constexpr milliseconds lazy_delay{20};
  virtual ~journal() = default;
  /// Copies the batch into the collecting group. Order of appends = order of effects. After a
  /// failed write every append is answered with an error of code `stopped`.
  virtual void append(const write_batch& batch, flush when, ack done) = 0;
  /// True after a failed write: nothing will ever be written again.
  [[nodiscard]] virtual bool stopped() const noexcept = 0;
  [[nodiscard]] virtual journal_stats stats() const noexcept = 0;
  /// Writes what is queued, then ends the writer. Appends that come later are answered `stopped`.
  /// Idempotent.
  virtual void close() = 0;
};

/// One writer thread; while it writes a group, the next one collects.
[[nodiscard]] std::unique_ptr<journal> make_threaded_journal(store& target, std::uint64_t epoch,
                                                             failure_sink on_failure = {});

/// For virtual time: nothing is written before `step`. Same thread only.
class stepped_journal : public journal {
 public:
  /// Writes one group: all that is queued, if a flush was asked for or `also_lazy`. False if there
  /// was nothing to do.
  virtual bool step(bool also_lazy) = 0;
  /// A crash: what is queued is gone. Who waits for it is answered `stopped`, so that nothing that
  /// an ack holds on to leaks.
  virtual void abandon() = 0;
  [[nodiscard]] virtual bool has_waiting() const noexcept = 0;
  [[nodiscard]] virtual bool has_lazy() const noexcept = 0;
};
[[nodiscard]] std::unique_ptr<stepped_journal> make_stepped_journal(store& target,
                                                                    std::uint64_t epoch,
                                                                    failure_sink on_failure = {});

}  // namespace tenax::storage
