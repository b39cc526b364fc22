/* SPDX-License-Identifier: Apache-2.0 */
#include "io/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "base/number.h"

static const char *const variables[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC",
	                                 "WATCHDOG_PID" };

/* --- sending ------------------------------------------------------------ */

static int notify_send(struct notify *notify, const char *text, int flags)
{
	if (notify->fd < 0)
		return 0;
	if (sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL | flags,
	           (const struct sockaddr *)&notify->address,
	           notify->n_address) < 0)
		return -errno;
	return 0;
}

int notify_ready(struct notify *notify)
{
	return notify_send(notify, "READY=1", 0);
}

int notify_reloading(struct notify *notify)
{
	struct timespec now = { 0 };
	char text[64];

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(
		text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		(uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	return notify_send(notify, text, 0);
}

int notify_stopping(struct notify *notify)
{
	return notify_send(notify, "STOPPING=1", 0);
}

int notify_status(struct notify *notify, const char *text)
{
	char line[NOTIFY_STATUS_MAX + sizeof("STATUS=")];
	int r;

	if (notify->fd < 0 ||
	    strncmp(text, notify->status, sizeof(notify->status) - 1) == 0)
		return 0;
	(void)snprintf(line, sizeof(line), "STATUS=%.*s", NOTIFY_STATUS_MAX - 1,
	               text);
	r = notify_send(notify, line, MSG_DONTWAIT);
	if (r == 0)
		(void)snprintf(notify->status, sizeof(notify->status), "%s",
		               text);
	return r;
}

static void on_watchdog(uv_timer_t *timer)
{
	struct notify *notify = container_of(timer, struct notify, watchdog);

	/* lost is as good as late: the next one follows in time */
	(void)notify_send(notify, "WATCHDOG=1", MSG_DONTWAIT);
}

/* --- what the environment says ------------------------------------------ */

static int watchdog_start(struct notify *notify, struct err *err)
{
	const char *usec_text = getenv("WATCHDOG_USEC");
	const char *pid_text = getenv("WATCHDOG_PID");
	uint64_t usec;
	uint64_t pid;
	uint64_t ms;

	if (!usec_text)
		return 0;
	if (number_parse_u64(slice_from(usec_text), &usec) < 0 || usec == 0)
		return err_set(err, -EINVAL,
		               "WATCHDOG_USEC=%s is no number of microseconds",
		               usec_text);
	if (pid_text && number_parse_u64(slice_from(pid_text), &pid) < 0)
		return err_set(err, -EINVAL, "WATCHDOG_PID=%s is no process id",
		               pid_text);
	if (pid_text && pid != (uint64_t)getpid())
		return 0;
	ms = MAX(usec / 2000, UINT64_C(1));
	return uv_timer_start(&notify->watchdog, on_watchdog, ms, ms);
}

static int address_set(struct notify *notify, const char *name, struct err *err)
{
	struct sockaddr_un *address = &notify->address;
	size_t n = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || n < 2)
		return err_set(err, -EINVAL,
		               "NOTIFY_SOCKET=%s is neither a path nor \"@\" "
		               "and a name",
		               name);
	if (n >= sizeof(address->sun_path))
		return err_set(err, -ENAMETOOLONG,
		               "NOTIFY_SOCKET is longer than %zu bytes",
		               sizeof(address->sun_path) - 1);
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, name, n);
	notify->n_address =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	else
		notify->n_address++;
	return 0;
}

static int socket_open(struct notify *notify, struct err *err)
{
	const struct timeval wait = {
		.tv_sec = NOTIFY_WAIT_MS / 1000,
		.tv_usec = NOTIFY_WAIT_MS % 1000 * 1000,
	};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_set_code(err, -errno, "socket");
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0) {
		int r = err_set_code(err, -errno, "SO_SNDTIMEO");

		(void)close(fd);
		return r;
	}
	notify->fd = fd;
	return 0;
}

static int take_up(struct notify *notify, struct err *err)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int r;

	if (!name)
		return 0;
	r = address_set(notify, name, err);
	if (r == 0)
		r = socket_open(notify, err);
	if (r == 0)
		r = watchdog_start(notify, err);
	return r;
}

int notify_open(struct notify *notify, uv_loop_t *loop, struct err *err)
{
	int r;

	*notify = (struct notify){ .fd = -1 };
	/* never fails */
	(void)uv_timer_init(loop, &notify->watchdog);
	uv_unref((uv_handle_t *)&notify->watchdog);
	r = take_up(notify, err);
	if (r < 0 && notify->fd >= 0) {
		(void)close(notify->fd);
		notify->fd = -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		(void)unsetenv(variables[i]);
	return r;
}

bool notify_is_on(const struct notify *notify)
{
	return notify->fd >= 0;
}

uint64_t notify_watchdog_ms(const struct notify *notify)
{
	return uv_timer_get_repeat(&notify->watchdog);
}

/* --- the end ------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle)
{
	struct notify *notify =
		container_of((uv_timer_t *)handle, struct notify, watchdog);

	notify->closed(notify->context);
}

void notify_close(struct notify *notify, notify_closed_cb closed, void *context)
{
	notify->closed = closed;
	notify->context = context;
	if (notify->fd >= 0)
		(void)close(notify->fd);
	notify->fd = -1;
	uv_close((uv_handle_t *)&notify->watchdog, on_closed);
}
