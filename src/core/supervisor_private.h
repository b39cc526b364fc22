/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor_private: what the files supervisor*.c share.
 *
 *     supervisor.c         readings, steps, deadlines, the record of them
 *     supervisor_record.c  what journal and log say of a monitor
 *     supervisor_orders.c  what an operator orders: pause, resume, bounce
 */
#pragma once

#include "core/supervisor.h"

void supervisor_feed(struct supervisor *supervisor, struct monitor *monitor,
                     const struct policy_event *event, uint64_t now_ms);

/* --- supervisor_record.c -------------------------------------------------- */

void supervisor_record_move(struct supervisor *supervisor,
                            const struct monitor *monitor,
                            const struct policy_move *move, uint64_t now_ms);
void supervisor_record_held(struct supervisor *supervisor,
                            struct monitor *monitor, uint32_t newly_held,
                            uint64_t now_ms);
void supervisor_record_step(struct supervisor *supervisor,
                            const struct monitor *monitor,
                            const struct step_report *report, bool failed,
                            uint64_t now_ms);

/* --- supervisor.c, supervisor_orders.c ------------------------------------ */

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
void supervisor_end_pauses_of_rules(struct supervisor *supervisor,
                                    uint64_t now_ms);
