/* SPDX-License-Identifier: Apache-2.0 */
/* builtin: the built-in gateway: store and source. */
#pragma once

#include "core/push_store.h"

struct builtin;
struct push_store *builtin_store(struct builtin *builtin);
struct push_time builtin_now(struct builtin *builtin);
