// tenax.hpp - the whole public API.
#pragma once

#include "tenax/engine.hpp"
#include "tenax/exceptions.hpp"
#include "tenax/explain.hpp"
#include "tenax/handler.hpp"
#include "tenax/json_codec.hpp"
#include "tenax/limits.hpp"
#include "tenax/options.hpp"
#include "tenax/plain_numbers.hpp"
#include "tenax/result.hpp"
#include "tenax/retry.hpp"
#include "tenax/spec.hpp"
#include "tenax/typed.hpp"
#include "tenax/view.hpp"
#include "tenax/worker.hpp"
