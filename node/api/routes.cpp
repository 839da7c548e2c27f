#include "node/api/routes.hpp"

namespace tenax::api {

const std::vector<route>& all_routes() {
  constexpr auto some = route::query::some;
  static const std::vector<route> routes{
      {"POST", "/v1/workflows", scope::submit, submit},
      {"GET", "/v1/workflows", scope::read, list, some},
      {"GET", "/v1/workflows:count", scope::read, count, some},
      {"GET", "/v1/workflows/{id}", scope::read, show, some},
      {"DELETE", "/v1/workflows/{id}", scope::admin, remove},
      {"GET", "/v1/workflows/{id}/history", scope::read, show_history, some},
      {"GET", "/v1/workflows/{id}/terms", scope::read, show_terms},
      {"POST", "/v1/workflows/{id}/cancel", scope::operate, cancel},
      {"GET", "/v1/workflows/{id}/explain", scope::read, explain},
      {"POST", "/v1/workflows/{id}/signals", scope::submit, send_signal},
      {"POST", "/v1/workflows/{id}/retry", scope::operate, retry},
      {"POST", "/v1/workflows/{id}/actions/{key}/resolve", scope::operate, resolve},
      {"POST", "/v1/workflows/{id}/actions/{key}/change", scope::operate, change},
      {"POST", "/v1/attempts/end", scope::work, end_attempts},
      {"POST", "/v1/attempts/heartbeat", scope::work, heartbeat},
      {"GET", "/v1/events", scope::read, stream_changes},
      {"POST", "/v1/workers/poll", scope::work, poll_tasks},
      {"GET", "/v1/workers", scope::read, show_workers},
      {"GET", "/v1/queues", scope::read, show_queues},
      {"POST", "/v1/backup", scope::admin, back_up},
      {"GET", "/v1/reasons", scope::read, show_reasons, some},
      {"GET", "/v1/stats", scope::read, show_stats},
      {"GET", "/v1/types", scope::read, show_types},
      {"GET", "/v1/version", scope::read, show_version},
      {"GET", "/v1/openapi.json", scope::nothing, show_openapi},
      {"GET", "/metrics", scope::read, show_metrics},
      {"GET", "/healthz", scope::nothing, check_health},
      {"GET", "/readyz", scope::nothing, check_ready},
  };
  return routes;
}

}  // namespace tenax::api
