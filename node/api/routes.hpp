// routes.hpp - every path of the API. Depends on node/api only.
#pragma once

#include <vector>

#include "node/api/call.hpp"

namespace tenax::api {

[[nodiscard]] const std::vector<route>& all_routes();

// What they do, by file.
void submit(const call& c);
void list(const call& c);
void count(const call& c);
void show(const call& c);
void show_history(const call& c);
void show_terms(const call& c);
void cancel(const call& c);
void retry(const call& c);
void send_signal(const call& c);
void explain(const call& c);
void resolve(const call& c);
void remove(const call& c);

void end_attempts(const call& c);
void heartbeat(const call& c);

void back_up(const call& c);

void show_stats(const call& c);
void show_types(const call& c);
void show_metrics(const call& c);
void show_version(const call& c);
void show_openapi(const call& c);
void check_health(const call& c);
void check_ready(const call& c);

}  // namespace tenax::api
