/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "support/names.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Seen by libuv's threads. */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t released;
	bool hangs;
} gate = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };

static void gate_set(bool hangs)
{
	(void)pthread_mutex_lock(&gate.mutex);
	gate.hangs = hangs;
	(void)pthread_cond_broadcast(&gate.released);
	(void)pthread_mutex_unlock(&gate.mutex);
}

void names_hang(void)
{
	gate_set(true);
}

void names_release(void)
{
	gate_set(false);
}

static void gate_wait(void)
{
	(void)pthread_mutex_lock(&gate.mutex);
	while (gate.hangs)
		(void)pthread_cond_wait(&gate.released, &gate.mutex);
	(void)pthread_mutex_unlock(&gate.mutex);
}

struct answer {
	struct addrinfo info;
	struct sockaddr_in address;
};

static struct addrinfo *answer_new(const char *text, struct addrinfo *next)
{
	struct answer *answer = calloc(1, sizeof(*answer));

	if (!answer)
		abort();
	answer->address.sin_family = AF_INET;
	if (inet_pton(AF_INET, text, &answer->address.sin_addr) != 1)
		answer->address.sin_family = AF_UNIX;
	answer->info.ai_family = answer->address.sin_family;
	answer->info.ai_socktype = SOCK_STREAM;
	answer->info.ai_addrlen = sizeof(answer->address);
	answer->info.ai_addr = (struct sockaddr *)&answer->address;
	answer->info.ai_next = next;
	return &answer->info;
}

/* In the place of libc's: the program's own symbol is found first. */
__attribute__((visibility("default"))) int getaddrinfo(
	const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **foundp)
{
	struct addrinfo *found = NULL;

	if (strcmp(node, "hang.test") == 0) {
		gate_wait();
		found = answer_new("127.0.0.1", NULL);
	} else if (strcmp(node, "two.test") == 0) {
		found = answer_new("127.0.0.1", NULL);
		found = answer_new("127.0.0.2", found);
	} else if (strcmp(node, "many.test") == 0) {
		for (int i = 0; i < 12; i++)
			found = answer_new("127.0.0.9", found);
	} else if (strcmp(node, "empty.test") == 0) {
		found = answer_new("unix", NULL);
	}
	*foundp = found;
	return found ? 0 : EAI_NONAME;
}

__attribute__((visibility("default"))) void freeaddrinfo(struct addrinfo *found)
{
	while (found) {
		struct addrinfo *next = found->ai_next;

		free(found); /* the first member of an answer */
		found = next;
	}
}

void black_hole_open(struct black_hole *hole, const char *address,
                     unsigned port)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
		                    .sin_port = htons((uint16_t)port) };
	const struct sockaddr *any = (const struct sockaddr *)&name;

	assert_int_equal(inet_pton(AF_INET, address, &name.sin_addr), 1);
	for (size_t i = 0; i < sizeof(hole->fds) / sizeof(hole->fds[0]); i++) {
		int fd = socket(AF_INET, SOCK_STREAM | (i ? SOCK_NONBLOCK : 0),
		                0);

		assert_true(fd >= 0);
		hole->fds[i] = fd;
		if (i > 0) {
			(void)connect(fd, any, sizeof(name));
			continue;
		}
		assert_int_equal(bind(fd, any, sizeof(name)), 0);
		assert_int_equal(listen(fd, 0), 0);
	}
}

void black_hole_close(struct black_hole *hole)
{
	for (size_t i = 0; i < sizeof(hole->fds) / sizeof(hole->fds[0]); i++)
		(void)close(hole->fds[i]);
}
