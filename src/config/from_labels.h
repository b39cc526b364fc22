/* SPDX-License-Identifier: Apache-2.0 */
/*
 * from_labels: what a container asks for by labels of its own, where
 * `global.container_labels` allows it, becomes a configuration of ours.
 *
 *     bouncer.health=restart          as `watch: health`
 *     bouncer.exited=start            as `watch: exited`
 *     bouncer.push.job=backup         as a monitor of pushes
 *     bouncer.max_age=1h              … and what belongs to these
 *
 * The labels are written as the text of monitors about this very container and
 * loaded like any file, under the `global` that holds: the same words mean
 * the same, and are judged the same. On LXD and Incus they are keys under
 * `user.`.
 *
 * Whoever can start a container can write its labels, and need not be whom we
 * trust with the host: so a container can ask for nothing but steps on itself,
 * of some kinds, within limits; nothing that runs on the host, that calls
 * somebody, or that concerns another container. Pure.
 */
#pragma once

#include "base/err.h"
#include "base/macros.h"
#include "config/config.h"
#include "core/container.h"

#define FROM_LABELS_STEPS_MAX   8
#define FROM_LABELS_VALUE_MAX   4096       /* bytes */
#define FROM_LABELS_COOLDOWN_MS 10000      /* no shorter one */
#define FROM_LABELS_WINDOW_MS   60000      /* likewise */
#define FROM_LABELS_STOP_MS     600000     /* no longer one, of a stop */
#define FROM_LABELS_TIME_MS     2592000000 /* of any: 30 days */

/* What stands before the names of labels: "user." or "". */
const char *from_labels_space(enum config_target_type type);

/*
 * from_labels() - the monitor that a container asks for
 * @base: the configuration that holds; must outlive the result
 * @asked: which of them; the container has the label that asks for it
 * @monitorp: it lies in *configp
 *
 * All its labels are judged, whatever is asked for. Returns 0 with *configp
 * set (config_free()), -ENOMEM, or -EINVAL with words that begin with the
 * label.
 */
int from_labels(const struct config *base, enum config_target_type type,
                enum config_asked asked, const struct container *container,
                struct config **configp, const struct config_monitor **monitorp,
                struct err *err) MUST_CHECK;

/* The text alone, as from_labels() loads it; for tests. 0, -ENOMEM, -EINVAL. */
int from_labels_text(enum config_target_type type,
                     const struct container *container, struct buf *text,
                     struct err *err) MUST_CHECK;
