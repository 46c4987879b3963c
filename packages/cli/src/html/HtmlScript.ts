/**
 * The one script of a page: it copies the JSON.
 *
 * @since 0.1.0
 */

/**
 * The text of the script.
 *
 * @category constants
 * @since 0.1.0
 */
export const script = `
const button = document.getElementById("copy")
const json = document.getElementById("json")
const copied = document.getElementById("copied")
button.hidden = false
button.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(json.textContent)
    copied.textContent = "copied"
  } catch {
    getSelection().selectAllChildren(json)
    copied.textContent = "selected: copy it with your keyboard"
  }
})
`
