/* SPDX-License-Identifier: Apache-2.0 */
/* websocket, where there is no library for its frames. */
#include "io/websocket.h"

int websocket_open(struct websocket *websocket, uv_loop_t *loop)
{
	return err_set(&websocket->err, UV_ENOTSUP,
	               "this program was built without wslay: no websockets");
}

void websocket_close(struct websocket *websocket)
{
}
