// A handler of your own that fails in every way there is, and what the engine makes of each.
#include <cstdio>
#include <stdexcept>
#include <tenax/tenax.hpp>

namespace {

tenax::outcome flaky(const tenax::action_context& ctx) {
  switch (ctx.attempt) {
    case 1:
      return tenax::outcome::failure("network", "connection refused");
    case 2:
      throw std::runtime_error("handlers may throw: that is a failed attempt");
    case 3:  // the other side says when to come back; this beats the policy
      return tenax::outcome::failure("rate_limited", "slow down", tenax::milliseconds(20));
    default:
      return tenax::outcome::success(R"("done")");
  }
}

tenax::outcome hopeless(const tenax::action_context&) {
  return tenax::outcome::fatal("bad_request", "no retry will ever help");
}

void show(const tenax::workflow_view& view) {
  std::printf("%s: %s %s\n", view.summary.id.c_str(), tenax::to_string(view.summary.status).data(),
              view.summary.reason.c_str());
  for (const auto& action : view.actions) {
    std::printf("  %s: %s, %u attempts, %u retries", action.key.c_str(),
                tenax::to_string(action.status).data(), action.attempts, action.retry_count);
    if (action.last_error) {
      std::printf(", last error %s: %s", action.last_error->error_class.c_str(),
                  action.last_error->message.c_str());
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  tenax::retry_policy quick;
  quick.max_attempts = 5;
  quick.min_wait = tenax::milliseconds(10);
  quick.max_wait = tenax::milliseconds(100);

  tenax::options options;
  options.handlers.add("flaky", flaky, {.retry = quick});
  options.handlers.add("hopeless", hopeless);

  auto engine = tenax::engine::open(argc > 1 ? argv[1] : "failing-data", std::move(options));
  if (!engine) return std::fprintf(stderr, "%s\n", engine.error().to_string().c_str()), 1;

  for (const char* type : {"flaky", "hopeless"}) {
    auto spec = tenax::workflow_builder(type).id(type).action("only", type);
    if (auto ok = engine->submit(spec); !ok) {
      return std::fprintf(stderr, "%s\n", ok.error().to_string().c_str()), 1;
    }
    (void)engine->await(type);
    if (auto view = engine->get(type)) show(*view);
  }
}
