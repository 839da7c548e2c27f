// scenarios.hpp - every scenario's function. Depends on bench/harness and include/tenax.
#pragma once

#include "bench/harness.hpp"
#include "tenax/engine.hpp"

namespace tenax::bench {

/// On p.dir/data.
[[nodiscard]] engine open_engine(const params& p, options o);

run_result run_sequential(const params& p);
run_result run_fan_out(const params& p);
run_result run_retry_storm(const params& p);
run_result run_mixed(const params& p);
run_result run_retention(const params& p);
run_result run_latency(const params& p);
run_result run_submit(const params& p);
run_result run_api(const params& p);
run_result run_workers(const params& p);
run_result run_timers(const params& p);
run_result run_timers_part(const params& p);
run_result run_recovery(const params& p);
run_result run_recovery_fill(const params& p);
run_result run_scale(const params& p);
run_result run_due_index(const params& p);
run_result run_listing(const params& p);
run_result run_disk(const params& p);
run_result run_soak(const params& p);
run_result run_soak_limit(const params& p);
run_result run_memory_results(const params& p);
run_result run_memory_inputs(const params& p);
run_result run_memory_ready(const params& p);
run_result run_fan_in(const params& p);
run_result run_shared_result(const params& p);
run_result run_overdue(const params& p);
run_result run_overdue_fill(const params& p);
run_result run_lanes(const params& p);
run_result run_lanes_part(const params& p);
run_result run_selfcheck(const params& p);

}  // namespace tenax::bench
