#include "node/api/routes.hpp"

namespace tenax::api {

const std::vector<route>& all_routes() {
  constexpr auto some = route::query::some;
  static const std::vector<route> routes{
      {"POST", "/v1/workflows", submit},
      {"GET", "/v1/workflows", list, some},
      {"GET", "/v1/workflows:count", count, some},
      {"GET", "/v1/workflows/{id}", show, some},
      {"DELETE", "/v1/workflows/{id}", remove},
      {"GET", "/v1/workflows/{id}/history", show_history, some},
      {"GET", "/v1/workflows/{id}/terms", show_terms},
      {"POST", "/v1/workflows/{id}/cancel", cancel},
      {"GET", "/v1/workflows/{id}/explain", explain},
      {"POST", "/v1/workflows/{id}/signals", send_signal},
      {"POST", "/v1/workflows/{id}/retry", retry},
      {"POST", "/v1/workflows/{id}/actions/{key}/resolve", resolve},
      {"POST", "/v1/attempts/end", end_attempts},
      {"POST", "/v1/attempts/heartbeat", heartbeat},
      {"POST", "/v1/workers/poll", poll_tasks},
      {"GET", "/v1/workers", show_workers},
      {"GET", "/v1/queues", show_queues},
      {"GET", "/v1/stats", show_stats},
      {"GET", "/v1/types", show_types},
      {"GET", "/v1/version", show_version},
      {"GET", "/v1/openapi.json", show_openapi},
      {"GET", "/metrics", show_metrics},
      {"GET", "/healthz", check_health},
      {"GET", "/readyz", check_ready},
  };
  return routes;
}

}  // namespace tenax::api
