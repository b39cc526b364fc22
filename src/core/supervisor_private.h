/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor_private: what the files supervisor*.c share.
 *
 *     supervisor.c         readings, steps, deadlines, the record of them
 *     supervisor_orders.c  what an operator orders: pause, resume, bounce
 */
#pragma once

#include "core/supervisor.h"

void supervisor_feed(struct supervisor *supervisor, struct monitor *monitor,
                     const struct policy_event *event, uint64_t now_ms);

/* Arms the monitor's node for whatever of it comes first. */
void supervisor_arm(struct supervisor *supervisor, struct monitor *monitor);

/* Makes the policy's state what configuration and operators want. */
void supervisor_settle(struct supervisor *supervisor, struct monitor *monitor,
                       uint64_t now_ms);

/* Pauses that are over. */
void supervisor_end_pause(struct supervisor *supervisor,
                          struct monitor *monitor, uint64_t now_ms);
void supervisor_end_pause_of_all(struct supervisor *supervisor,
                                 uint64_t now_ms);
