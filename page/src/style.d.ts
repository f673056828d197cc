// SPDX-License-Identifier: Apache-2.0
declare module "*.css" {
  const css: string;
  export default css;
}
