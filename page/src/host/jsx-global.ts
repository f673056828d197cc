// SPDX-License-Identifier: Apache-2.0

import type * as JsxModule from "react/jsx-runtime";

const Jsx = (globalThis as unknown as { ReactJSXRuntime: typeof JsxModule }).ReactJSXRuntime;

export const { Fragment, jsx, jsxs } = Jsx;
