// bodies.hpp - what each JSON body of the API says. A reader takes the members of its object and
// leaves every fault with its `fields`; what it returns then is not to be used.
// Depends on include/tenax and node/api/reading.hpp only. One thread each.
#pragma once

#include <optional>
#include <string>

#include "node/api/reading.hpp"
#include "tenax/worker.hpp"

namespace tenax::api {

struct cancel_body {
  std::string reason;
  std::optional<std::string> who;
};
[[nodiscard]] cancel_body read_cancel(fields& f);

struct retry_body {
  std::string action;  ///< "": all that failed
  std::string reason;
  std::optional<std::string> who;
};
[[nodiscard]] retry_body read_retry(fields& f);

struct signal_body {
  std::string name;
  std::string payload;  ///< JSON
  std::string key;
  std::optional<std::string> who;
};
[[nodiscard]] signal_body read_signal(fields& f);

struct resolve_body {
  resolution decision;
  std::optional<std::string> who;
};
[[nodiscard]] resolve_body read_resolve(fields& f);

struct change_body {
  action_change what;
  std::optional<std::string> who;
};
[[nodiscard]] change_body read_change(fields& f);

/// Of an open attempt. The token is a secret.
struct end_body {
  std::string token;
  outcome what{};
  std::string who;
};
[[nodiscard]] end_body read_end(fields& f);

struct heartbeat_body {
  std::string token;
  std::string progress;
};
[[nodiscard]] heartbeat_body read_heartbeat(fields& f);

struct poll_body {
  worker_poll what;
  std::string poll_id;  ///< "": none
};
[[nodiscard]] poll_body read_poll(fields& f);

struct backup_body {
  std::string dir;  ///< absolute
};
[[nodiscard]] backup_body read_backup(fields& f);

}  // namespace tenax::api
